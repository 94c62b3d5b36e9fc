//! Aggregates and window functions of random queries.

use sloth_types::rng::Rng;

use super::expr::{Expr, alike, pick};
use super::rel::Dialect;
use crate::changes::Kind;

/// What a function takes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Arg {
    None,
    Any,
    One(Kind),
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gives {
    Same,
    One(Kind),
}

/// The engine's text, the batch engine's where it is another, what it takes, what it gives. `#` is the place of `FILTER`
/// or `OVER`.
#[derive(Debug, PartialEq)]
pub(super) struct Function(&'static str, Option<&'static str>, Arg, Gives);

const DEC: Kind = Kind::Dec(12, 2);

/// Flink's average of whole numbers is one.
const AVERAGE: Option<&str> = Some("(CAST(SUM({})# AS BIGINT) / NULLIF(COUNT({})#, 0))");

const AGGREGATES: [Function; 30] = [
    Function("COUNT(*)#", None, Arg::None, Gives::One(Kind::Big)),
    Function("COUNT(*)#", None, Arg::None, Gives::One(Kind::Big)),
    Function("COUNT({})#", None, Arg::Any, Gives::One(Kind::Big)),
    Function("COUNT(DISTINCT {})#", None, Arg::Any, Gives::One(Kind::Big)),
    Function("MIN({})#", None, Arg::Any, Gives::Same),
    Function("MAX({})#", None, Arg::Any, Gives::Same),
    Function("MIN({})#", None, Arg::One(Kind::Str), Gives::Same),
    Function("MAX({})#", None, Arg::One(DEC), Gives::Same),
    Function("SUM({})#", None, Arg::One(Kind::Int), Gives::Same),
    Function("SUM({})#", None, Arg::One(Kind::Int), Gives::Same),
    Function("SUM({})#", None, Arg::One(Kind::Big), Gives::Same),
    Function("SUM({})#", None, Arg::One(DEC), Gives::Same),
    Function("SUM({})#", None, Arg::One(Kind::Dbl), Gives::Same),
    Function("SUM(DISTINCT {})#", None, Arg::One(Kind::Int), Gives::Same),
    Function("SUM(DISTINCT {})#", None, Arg::One(DEC), Gives::Same),
    Function("AVG({})#", AVERAGE, Arg::One(Kind::Int), Gives::Same),
    Function("AVG({})#", AVERAGE, Arg::One(Kind::Big), Gives::Same),
    Function("BOOL_AND({})#", None, Arg::One(Kind::Bool), Gives::Same),
    Function("BOOL_OR({})#", None, Arg::One(Kind::Bool), Gives::Same),
    // From here on the result is only looked at, not computed with.
    Function("AVG({})#", None, Arg::One(Kind::Dbl), Gives::One(Kind::Approx)),
    Function("AVG({})#", None, Arg::One(DEC), Gives::One(Kind::Approx)),
    Function("STDDEV_POP({})#", None, Arg::One(Kind::Int), Gives::One(Kind::Approx)),
    Function("STDDEV_SAMP({})#", None, Arg::One(Kind::Dbl), Gives::One(Kind::Approx)),
    Function("VAR_SAMP({})#", None, Arg::One(Kind::Dbl), Gives::One(Kind::Approx)),
    Function("VAR_POP({})#", None, Arg::One(Kind::Int), Gives::One(Kind::Approx)),
    Function("CORR({}, {})#", None, Arg::One(Kind::Dbl), Gives::One(Kind::Approx)),
    Function("ARRAY_AGG({} ORDER BY {} ASC NULLS FIRST)#", None, Arg::One(Kind::Int), Gives::One(Kind::Approx)),
    Function("STRING_AGG({}, ',' ORDER BY {})#", None, Arg::One(Kind::Str), Gives::One(Kind::Approx)),
    Function("ARRAY_AGG(DISTINCT {} ORDER BY {} ASC NULLS LAST)#", None, Arg::One(Kind::Str), Gives::One(Kind::Approx)),
    Function("MEDIAN({})#", None, Arg::One(Kind::Dbl), Gives::One(Kind::Approx)),
];

/// The first of those that are only looked at.
const EXACT_AGGREGATES: usize = 19;

/// Functions that need an order of the rows in which no two are unlike and equal.
const WINDOWS: [Function; 9] = [
    Function("ROW_NUMBER()#", None, Arg::None, Gives::One(Kind::Big)),
    Function("RANK()#", None, Arg::None, Gives::One(Kind::Big)),
    Function("DENSE_RANK()#", None, Arg::None, Gives::One(Kind::Big)),
    Function("LAG({}, 1)#", None, Arg::Any, Gives::Same),
    Function("LEAD({}, 2)#", None, Arg::Any, Gives::Same),
    Function("LAG({})#", None, Arg::Any, Gives::Same),
    Function("FIRST_VALUE({})#", None, Arg::Any, Gives::Same),
    Function("LAST_VALUE({})#", None, Arg::Any, Gives::Same),
    Function("NTILE(3)#", None, Arg::None, Gives::One(Kind::Big)),
];

/// A call of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    function: &'static Function,
    arg: Expr,
    /// The type of the result.
    pub kind: Kind,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expr>,
}

impl Call {
    /// A random aggregate; with `looked_at` also one whose result cannot be computed with.
    pub fn aggregate(rng: &mut Rng, scope: &[Kind], looked_at: bool) -> Call {
        let all = if looked_at { &AGGREGATES[..] } else { &AGGREGATES[..EXACT_AGGREGATES] };
        let mut call = Call::of(rng, all, scope);
        call.filter = rng.chance(0.2).then(|| Expr::random(rng, Kind::Bool, scope, 2));
        call
    }

    /// A random function that needs an order.
    pub fn window(rng: &mut Rng, scope: &[Kind]) -> Call {
        Call::of(rng, &WINDOWS, scope)
    }

    /// A random aggregate that gives a kind, for a comparison with a column.
    pub fn giving(rng: &mut Rng, kind: Kind, scope: &[Kind]) -> Option<Call> {
        for _ in 0..20 {
            let call = Call::of(rng, &AGGREGATES[..EXACT_AGGREGATES], scope);
            if alike(call.kind, kind) {
                return Some(call);
            }
        }
        None
    }

    fn of(rng: &mut Rng, all: &'static [Function], scope: &[Kind]) -> Call {
        let usable: Vec<Kind> = scope.iter().copied().filter(|k| *k != Kind::Approx).collect();
        loop {
            let function = pick(rng, all);
            let (arg, of) = match function.2 {
                Arg::None => (Expr::Literal(String::new()), Kind::Big),
                Arg::Any if usable.is_empty() => continue,
                Arg::Any => {
                    let kind = *pick(rng, &usable);
                    (Expr::random(rng, kind, scope, 1), kind)
                }
                // Aggregates of constants are rare.
                Arg::One(kind) if !usable.iter().any(|k| alike(*k, kind)) && !rng.chance(0.05) => continue,
                Arg::One(kind) => (Expr::random(rng, kind, scope, 1), kind),
            };
            let kind = match function.3 {
                Gives::Same => of,
                Gives::One(kind) => kind,
            };
            return Call { function, arg, kind, filter: None };
        }
    }

    /// As SQL, with what comes behind the function.
    pub fn sql(&self, dialect: Dialect, names: &[String], behind: &str) -> String {
        let Function(engine, batch, ..) = self.function;
        let text = match (dialect, batch) {
            (Dialect::Batch, Some(batch)) => batch,
            _ => engine,
        };
        let filter = self.filter.as_ref().map_or(String::new(), |f| format!(" FILTER (WHERE {})", f.sql(names)));
        text.replace("{}", &self.arg.sql(names)).replace('#', &format!("{filter}{behind}"))
    }

    /// Simpler calls of the same kind.
    pub fn simpler(&self) -> Vec<Call> {
        let mut simpler = vec![];
        if let Some(filter) = &self.filter {
            simpler.push(Call { filter: None, ..self.clone() });
            simpler.extend(filter.simpler().into_iter().map(|f| Call { filter: Some(f), ..self.clone() }));
        }
        simpler.extend(self.arg.simpler().into_iter().map(|arg| Call { arg, ..self.clone() }));
        simpler
    }
}
