//! Fields of ROWs where the ROW is NULL.
//!
//! DataFusion's `get_field` gives the child array as it is. A ROW that a condition made NULL (`CASE WHEN … THEN bid END`) still
//! has its old values there, so they are masked here. Plans keep DataFusion's function, which its rules know; the
//! expressions that run have this one.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions::core::getfield::GetFieldFunc;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_plan::PhysicalExpr;

/// `get_field` that is NULL where the ROW is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct MaskedField(GetFieldFunc);

static MASKED_FIELD: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::new_from_impl(MaskedField(GetFieldFunc::new()))));

/// The expression with masked fields in the place of DataFusion's.
pub(crate) fn masked(expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    expr.transform_up(|e| match ScalarFunctionExpr::try_downcast_func::<GetFieldFunc>(e.as_ref()) {
        Some(f) => {
            let field = f.return_field(&Schema::empty())?;
            let config = Arc::new(f.config_options().clone());
            let masked = ScalarFunctionExpr::new(f.name(), Arc::clone(&MASKED_FIELD), f.args().to_vec(), field, config);
            Ok(Transformed::yes(Arc::new(masked) as _))
        }
        None => Ok(Transformed::no(e)),
    })
    .data()
}

impl ScalarUDFImpl for MaskedField {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.0.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let nulls = nulls_on_the_way(&args.args);
        match (self.0.invoke_with_args(args)?, nulls) {
            (ColumnarValue::Array(field), Some(nulls)) => Ok(ColumnarValue::Array(mask(field, &nulls)?)),
            (field, _) => Ok(field),
        }
    }
}

/// Where one of the ROWs that are passed is NULL.
fn nulls_on_the_way(args: &[ColumnarValue]) -> Option<NullBuffer> {
    let (ColumnarValue::Array(base), path) = args.split_first()? else { return None };
    let (mut at, mut nulls) = (base, None);
    for name in path {
        let (DataType::Struct(_), ColumnarValue::Scalar(name)) = (at.data_type(), name) else { break };
        if at.null_count() > 0 {
            nulls = NullBuffer::union(nulls.as_ref(), at.nulls());
        }
        let (ScalarValue::Utf8(Some(name)) | ScalarValue::Utf8View(Some(name))) = name else { break };
        let Some(child) = at.as_struct().column_by_name(name) else { break };
        at = child;
    }
    nulls
}

fn mask(field: ArrayRef, nulls: &NullBuffer) -> Result<ArrayRef> {
    let all = NullBuffer::union(field.nulls(), Some(nulls));
    let hidden = all.as_ref().map_or(0, NullBuffer::null_count) > field.null_count();
    if !hidden || *field.data_type() == DataType::Null {
        return Ok(field);
    }
    Ok(make_array(field.to_data().into_builder().nulls(all).build()?))
}
