//! Orders by seeds, simulated time, and what goes wrong.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::clock::Mono;

/// Threads that send, wait, sleep and notify; gives the order in which they came to their steps.
fn busy() -> Vec<String> {
    let seen = Arc::new(Mutex::new(vec![]));
    let (sender, receiver) = channel();
    let (full, emptied) = sync_channel(1);
    let gate = Arc::new((Mutex::new(false), Condvar::default()));
    let note = |seen: &Mutex<Vec<String>>, what: String| seen.lock().unwrap().push(what);
    let mut handles = vec![];
    for number in 0..3 {
        let (seen, gate) = (Arc::clone(&seen), Arc::clone(&gate));
        let run = move || {
            let mut open = gate.0.lock().unwrap();
            while !*open {
                open = gate.1.wait(&gate.0, open);
            }
            drop(open);
            step();
            note(&seen, format!("{number} is through"));
            sleep(Duration::from_millis(10 * (3 - number)));
            note(&seen, format!("{number} has slept"));
        };
        handles.push(spawn("one of three", run).unwrap());
    }
    let other = Arc::clone(&seen);
    handles.push(
        spawn("sender", move || {
            for number in 0..5 {
                full.send(number).unwrap();
                step();
                note(&other, format!("{number} is sent"));
            }
            sender.send(5).unwrap();
        })
        .unwrap(),
    );
    while let Ok(number) = emptied.recv() {
        note(&seen, format!("{number} is there"));
    }
    assert_eq!(receiver.recv(), Ok(5));
    assert!(receiver.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Disconnected));
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    handles.into_iter().for_each(|handle| handle.join().unwrap());
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

#[test]
fn a_seed_gives_one_order_and_other_seeds_give_others() {
    let mut orders = std::collections::HashSet::new();
    for seed in 0..50 {
        let (one, other) = (simulate(seed, busy).unwrap(), simulate(seed, busy).unwrap());
        assert_eq!((&one.value, one.trace, one.turns, one.time), (&other.value, other.trace, other.turns, other.time));
        let slept: Vec<&str> = one.value.iter().filter_map(|what| what.strip_suffix(" has slept")).collect();
        assert_eq!(slept, ["2", "1", "0"], "{:?}", one.value);
        orders.insert(one.value);
    }
    assert!(orders.len() > 10, "{}", orders.len());
    let real = busy();
    assert_eq!(real.len(), 16);
}

#[test]
fn simulated_time_passes_while_all_wait() {
    let begun = Mono::now();
    let slept = || {
        let (_sender, receiver) = channel::<()>();
        let begun = Mono::now();
        assert_eq!(receiver.recv_timeout(Duration::from_secs(3600)), Err(RecvTimeoutError::Timeout));
        let parked = spawn("parked", || park_timeout(Duration::from_secs(1 << 30))).unwrap();
        sleep(Duration::from_secs(3600));
        parked.unpark();
        parked.join().unwrap();
        begun.elapsed()
    };
    let slept = simulate(1, slept).unwrap().value;
    assert!(slept >= Duration::from_secs(7200) && slept < Duration::from_secs(7201), "{slept:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn threads_that_wait_for_each_other_are_named() {
    let stuck = simulate(1, || {
        let (sender, receiver) = channel::<()>();
        let thread = spawn("who waits", move || receiver.recv()).unwrap();
        let joined = thread.join().unwrap();
        drop(sender);
        joined
    });
    let stuck = stuck.unwrap_err();
    assert!(stuck.starts_with("all threads wait: main Waiting") && stuck.contains("who waits"), "{stuck}");
}

#[test]
fn a_panic_is_passed_on() {
    let panicked = std::panic::catch_unwind(|| {
        simulate(1, || {
            let thread = spawn("who panics", || panic!("as it should")).unwrap();
            assert!(thread.join().is_err());
            panic!("at the end");
        })
    });
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"at the end"));
}

#[test]
fn what_is_done_side_by_side_comes_in_order() {
    let count = AtomicU64::new(0);
    let run = |item: u64| {
        count.fetch_add(1, Ordering::SeqCst);
        item * 2
    };
    assert_eq!(side_by_side(vec![3, 1, 2], run).unwrap(), [6, 2, 4]);
    assert_eq!(count.load(Ordering::SeqCst), 3);
    assert!(side_by_side(vec![1, 0], |item| 1 / item).is_err());
}
