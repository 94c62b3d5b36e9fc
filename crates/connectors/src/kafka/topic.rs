//! Creates a topic where there is none: for demos, where nobody has prepared the broker.

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
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| failed(&e))?;
    for result in runtime.block_on(admin.create_topics([&topic], &options)).map_err(|e| failed(&e))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(failed(&code)),
        }
    }
    Ok(())
}
