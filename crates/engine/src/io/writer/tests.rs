//! A writer that stands by: what it keeps has a bound, and what it has not kept is made again.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use sloth_types::journal::{Checkpoint, OperatorState};
use sloth_types::{EpochEntry, JobStore, Waker};

use super::*;
use crate::durable::Durable;

/// A store of a run that stands by until it is told otherwise.
#[derive(Default)]
struct Store {
    in_charge: AtomicBool,
    published: AtomicU64,
}

impl JobStore for Store {
    fn watch(&self, _: Waker) {}
    fn generation(&self) -> u64 {
        1
    }
    fn in_charge(&self) -> bool {
        self.in_charge.load(Ordering::SeqCst)
    }
    fn job(&self) -> Arc<str> {
        "job".into()
    }
    fn append(&self, _: Epoch, _: EpochEntry) {}
    fn durable(&self) -> Epoch {
        Epoch(1000)
    }
    fn give_ahead(&self, _: Epoch, _: OperatorState) {}
    fn upload(&self, _: Checkpoint) {}
    fn publish(&self, _: Epoch) {}
    fn published(&self) -> Epoch {
        Epoch(self.published.load(Ordering::SeqCst))
    }
    fn failure(&self) -> Option<Error> {
        None
    }
    fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// What has come out, and what the outside had before.
struct Outside<'a>(&'a Mutex<Vec<(u64, i64)>>, Option<Epoch>);

impl SinkWriter for Outside<'_> {
    fn write(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<()> {
        self.0.lock().unwrap().push((epoch.0, batch.rows.num_rows() as i64));
        Ok(())
    }
    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        Ok(())
    }
    fn committed(&mut self) -> Result<Option<Epoch>> {
        Ok(self.1)
    }
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

fn rows(count: usize) -> ChangeBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![7; count]));
    ChangeBatch::append(RecordBatch::try_from_iter([("n", column)]).unwrap())
}

/// Ten epochs of rows come while another run is in charge, which publishes the checkpoint before epoch `published`. Gives
/// the epochs that are written after the takeover, with the outcome.
fn taken_over(bytes_max: usize, published: u64, committed: Option<u64>) -> (Vec<u64>, Result<()>) {
    let store = Arc::new(Store::default());
    let mut context = JobContext::alone();
    let durable = Durable::new(Arc::clone(&store) as Arc<dyn JobStore>);
    Arc::get_mut(&mut context).unwrap().durable = Some(durable);
    let (sender, receiver) = threads::channel();
    let mut work = WriterWork::new((0, false), &context);
    work.kept.1 = bytes_max;
    std::thread::scope(|scope| {
        let standing_by = scope.spawn(move || {
            work.stand_by(&receiver);
            (work, receiver)
        });
        for epoch in 0..10 {
            sender.send(Work::Write(Epoch(epoch), rows(100))).unwrap();
            sender.send(Work::EndEpoch(Epoch(epoch), false)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(60));
        store.published.store(published, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(60));
        store.in_charge.store(true, Ordering::SeqCst);
        let (mut work, receiver) = standing_by.join().unwrap();
        sender.send(Work::Close).unwrap();
        let written = Mutex::new(vec![]);
        let outcome = work.run(&mut Outside(&written, committed.map(Epoch)), &receiver);
        let written = written.into_inner().unwrap().into_iter().map(|(epoch, _)| epoch).collect();
        (written, outcome)
    })
}

#[test]
fn what_was_kept_is_written_after_the_takeover() {
    let (written, outcome) = taken_over(1 << 20, 4, None);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(written, [4, 5, 6, 7, 8, 9], "a checkpoint has the others");
    let (written, _) = taken_over(1 << 20, 0, Some(6));
    assert_eq!(written, [7, 8, 9], "the outside has the others");
}

#[test]
fn what_was_not_kept_is_made_again_unless_somebody_has_it() {
    // Four epochs at most.
    let bytes_max = 4 * bytes_of(&rows(100));
    let (written, outcome) = taken_over(bytes_max, 0, None);
    let error = outcome.unwrap_err();
    assert!(written.is_empty() && error.message().contains("made again from the newest checkpoint"), "{error}");
    assert_eq!(error.kind(), sloth_types::ErrorKind::Unavailable, "the job starts again");
    // The fifth epoch, and the tenth, were one too many.
    assert!(error.message().contains("epoch 9"), "{error}");
    for (published, committed) in [(10, None), (0, Some(9))] {
        let (written, outcome) = taken_over(bytes_max, published, committed);
        assert!(outcome.is_ok() && written.is_empty(), "{outcome:?} {written:?}");
    }
}

/// A writer whose commits have all that was written, as a transaction has.
struct Transaction<'a> {
    written: Vec<u64>,
    committed: &'a Mutex<Vec<(u64, Vec<u64>)>>,
}

impl SinkWriter for Transaction<'_> {
    fn write(&mut self, epoch: Epoch, _: &ChangeBatch) -> Result<()> {
        self.written.push(epoch.0);
        Ok(())
    }
    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        Ok(())
    }
    fn commit(&mut self, epoch: Epoch, _: bool) -> Result<()> {
        self.committed.lock().unwrap().push((epoch.0, std::mem::take(&mut self.written)));
        Ok(())
    }
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_is_committed_in_the_middle_of_an_epoch() {
    let store = Arc::new(Store::default());
    store.in_charge.store(true, Ordering::SeqCst);
    let mut context = JobContext::alone();
    let durable = Durable::new(Arc::clone(&store) as Arc<dyn JobStore>);
    Arc::get_mut(&mut context).unwrap().durable = Some(durable);
    let committed = Mutex::default();
    let (sender, receiver) = threads::channel();
    let send = |work| sender.send(work).unwrap();
    send(Work::Write(Epoch(1), rows(3)));
    send(Work::EndEpoch(Epoch(1), false));
    send(Work::Write(Epoch(2), rows(3)));
    std::thread::scope(|scope| {
        let (context, committed) = (&context, &committed);
        scope.spawn(move || {
            let mut writer = Transaction { written: vec![], committed };
            WriterWork::new((0, false), context).run(&mut writer, &receiver).unwrap();
        });
        // The worker takes its time before the end of the second one.
        std::thread::sleep(Duration::from_millis(50));
        send(Work::EndEpoch(Epoch(2), false));
        send(Work::Close);
    });
    assert_eq!(committed.into_inner().unwrap(), [(2, vec![1, 2])]);
}
