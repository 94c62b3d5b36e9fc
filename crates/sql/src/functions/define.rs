//! How a scalar function is described: one table row each, one implementation of DataFusion's trait for all.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::SessionContext;

/// A scalar function.
pub(crate) struct Function {
    /// The name and its synonyms, lower case.
    pub(crate) names: &'static [&'static str],
    /// How it is called, for messages and the documentation.
    pub(crate) usage: &'static str,
    /// What it does, in one line, for the documentation.
    pub(crate) about: &'static str,
    /// Whether calls with equal arguments give equal results.
    pub(crate) volatility: Volatility,
    /// The types to which the arguments are cast; an error when they do not fit.
    pub(crate) coerce: fn(&[DataType]) -> Option<Vec<DataType>>,
    /// The result's type for arguments of these types.
    pub(crate) returns: fn(&[DataType]) -> DataType,
    /// The function itself.
    pub(crate) invoke: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>,
}

impl Function {
    /// A function whose calls with equal arguments give equal results.
    pub(super) const fn pure(
        names: &'static [&'static str],
        usage: &'static str,
        about: &'static str,
        coerce: fn(&[DataType]) -> Option<Vec<DataType>>,
        returns: fn(&[DataType]) -> DataType,
        invoke: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>,
    ) -> Self {
        Function { names, usage, about, volatility: Volatility::Immutable, coerce, returns, invoke }
    }
}

pub(crate) fn register(context: &SessionContext, function: &'static Function) {
    context.register_udf(ScalarUDF::from(Registered::new(function)));
}

struct Registered {
    function: &'static Function,
    aliases: Vec<String>,
    signature: Signature,
}

impl Registered {
    fn new(function: &'static Function) -> Self {
        let types = match (function.coerce)(&[]) {
            Some(_) => TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::UserDefined]),
            None => TypeSignature::UserDefined,
        };
        Registered {
            function,
            aliases: function.names.iter().skip(1).map(|n| (*n).to_owned()).collect(),
            signature: Signature::new(types, function.volatility),
        }
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Registered {}

impl Hash for Registered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for Registered {
    fn name(&self) -> &str {
        self.function.names.first().copied().unwrap_or_default()
    }
    fn aliases(&self) -> &[String] {
        &self.aliases
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.function.coerce)(types) {
            Some(coerced) => Ok(coerced),
            None => {
                let types: Vec<String> =
                    types.iter().map(|t| crate::types::SqlType::from_arrow(t).to_string()).collect();
                plan_err!(
                    "'{}' cannot take ({})|Write {}.",
                    self.name().to_ascii_uppercase(),
                    types.join(", "),
                    self.function.usage
                )
            }
        }
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok((self.function.returns)(types))
    }
    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let returned = match self.name() {
            // The result's scale is the second argument, which is a literal in these.
            "$round" | "$truncate" => {
                super::math::rounded_type(&types, args.scalar_arguments.get(1).copied().flatten())
            }
            _ => (self.function.returns)(&types),
        };
        Ok(Arc::new(Field::new(self.name(), returned, true)))
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.function.invoke)(&args)
    }
}
