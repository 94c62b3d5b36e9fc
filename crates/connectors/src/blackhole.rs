//! The `blackhole` sink: takes everything, keeps nothing. For measuring and for trying queries out.

use std::sync::Arc;

use sloth_types::{
    ChangeBatch, ChangelogMode, Connector, Epoch, Guarantee, OpenSink, Result, Sink, SinkWriter, TableSpec,
};

/// The connector.
#[derive(Debug)]
pub struct Blackhole;

impl Connector for Blackhole {
    fn name(&self) -> &'static str {
        "blackhole"
    }

    fn sink(&self, table: &TableSpec) -> Result<Arc<dyn Sink>> {
        table.options.check_known("blackhole", &["connector"], &[])?;
        Ok(Arc::new(Blackhole))
    }
}

impl Sink for Blackhole {
    fn accepts(&self, _: &ChangelogMode) -> bool {
        true
    }

    fn ordered(&self) -> bool {
        false
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::WithTheJob
    }

    fn open(&self, _: OpenSink) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Blackhole))
    }
}

impl SinkWriter for Blackhole {
    fn write(&mut self, _: Epoch, _: &ChangeBatch) -> Result<()> {
        Ok(())
    }

    fn end_epoch(&mut self, _: Epoch) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_options_it_does_not_have() {
        let mut table = crate::testing::table("t", Vec::new(), &[("connector", "blackhole")]);
        assert!(Blackhole.sink(&table).unwrap().accepts(&ChangelogMode::Retract));
        table.options.set("path", "/dev/null");
        assert!(Blackhole.sink(&table).is_err());
        assert!(Blackhole.source(&table).is_err());
    }
}
