//! The adapter of operators that hand an epoch's rows out later: they wait for the outside, the worker does not.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use sloth_types::Result;
use timely::communication::Pull;
use timely::dataflow::channels::Message as Envelope;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::generic::Operator as _;
use timely::scheduling::SyncActivator;

use super::{Edge, Floor, is_over};
use crate::message::{Batch, Builder, Message};
use crate::operators::Deferred;

/// An operator that may still wait for rows of an epoch when the next one's come. `bell` is given what calls the operator
/// when something has come from outside. The capability of an epoch is held until nothing of it is missing.
pub(crate) fn deferred<'s, P, O>(
    floor: &Floor<'s>,
    input: Edge<'s>,
    name: &str,
    pact: P,
    mut operator: O,
    bell: Arc<OnceLock<SyncActivator>>,
) -> Edge<'s>
where
    P: ParallelizationContract<u64, Message>,
    P::Puller: Pull<Envelope<u64, Message>> + 'static,
    O: Deferred + 'static,
{
    let (epochs, failure) = (floor.epochs.clone(), Arc::clone(&floor.context.failure));
    let worker = floor.scope.worker();
    let first = floor.context.first_epoch.0;
    input.unary_frontier::<Builder, _, _, _>(pact, name, |mut capability, info| {
        capability.downgrade(&first);
        let _ = bell.set(worker.sync_activator_for(info.address.to_vec()));
        let mut state = Some((capability, BTreeMap::<u64, Vec<Batch>>::new()));
        move |(input, frontier), output| {
            let Some((capability, early)) = &mut state else {
                input.for_each(|_, message| drop(std::mem::take(message)));
                return;
            };
            input.for_each(|stamp, message| {
                if let (Message::Batch(batch), Some(epoch)) = (std::mem::take(message), stamp.least().copied()) {
                    early.entry(epoch).or_default().push(batch);
                }
            });
            let mut out: Vec<(u64, Batch)> = vec![];
            let result = (|| -> Result<bool> {
                let open: Vec<u64> = early.keys().copied().filter(|epoch| epochs.get(*epoch).is_some()).collect();
                for epoch in open {
                    let (Some(info), Some(batches)) = (epochs.get(epoch), early.remove(&epoch)) else { continue };
                    let mut at_once = vec![];
                    sloth_types::clock::set_epoch_now_ms(info.now_ms);
                    for batch in batches {
                        operator.on_batch(&info, batch, &mut at_once)?;
                    }
                    out.extend(at_once.into_iter().map(|batch| (epoch, batch)));
                }
                operator.poll(&mut out)?;
                for (epoch, batch) in out.drain(..) {
                    let at = capability.delayed(&epoch);
                    output.session_with_builder(&at).give_container(&mut Message::Batch(batch));
                }
                loop {
                    let epoch = *capability.time();
                    if frontier.frontier().less_equal(&epoch) || operator.waits(epoch) {
                        return Ok(false);
                    }
                    if epochs.get(epoch).is_none() {
                        // The frontier is empty and this epoch was never opened: the job is over.
                        return Ok(true);
                    }
                    capability.downgrade(&(epoch + 1));
                }
            })();
            if is_over(result, &failure) {
                state = None;
            }
        }
    })
}
