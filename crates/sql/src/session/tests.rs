//! Statements: DDL, views, inserts, sets, and what SHOW says about them.

mod ddl;
mod inserts;
mod nexmark;
mod queries;

/// A table with everything.
const ORDERS: &str = "CREATE TABLE orders (
  id BIGINT,
  `user` BIGINT COMMENT 'who',
  amount DECIMAL(10, 2),
  item ROW<sku STRING, qty INT>,
  tags ARRAY<STRING>,
  attrs MAP<STRING, BIGINT>,
  lines ARRAY<ROW<sku STRING, qty INT>>,
  total AS amount * 2,
  proc AS PROCTIME(),
  kts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  part INT METADATA,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '4' SECOND,
  PRIMARY KEY (id) NOT ENFORCED
) COMMENT 'it''s all' PARTITIONED BY (`user`) WITH ('connector' = 'kafka', 'topic' = 'o', 'properties.sasl.password' = 'x');
";
