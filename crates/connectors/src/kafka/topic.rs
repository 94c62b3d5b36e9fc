//! Creates a topic where there is none: for demos, where nobody has prepared the broker.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use sloth_types::{Error, Result};

/// How long the broker may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Creates topic `name` with so many partitions, one replica each; does nothing when it exists.
///
/// # Errors
/// When the broker does not answer or does not allow it.
pub fn ensure_topic(servers: &str, name: &str, partitions: i32) -> Result<()> {
    let failed = |e: &dyn std::fmt::Display| {
        Error::unavailable(format!("cannot create topic '{name}' at {servers}: {e}"))
            .hint("Check that a Kafka broker listens there, or create the topic yourself.")
    };
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", servers).create().map_err(|e| failed(&e))?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
    for result in wait(admin.create_topics([&topic], &options)).map_err(|e| failed(&e))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(failed(&code)),
        }
    }
    Ok(())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread: all that the admin client needs of an async runtime.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park_timeout(Duration::from_millis(100)),
        }
    }
}
