//! Expressions of random queries: columns, literals, and forms with places for other expressions.

use sloth_types::rng::Rng;

use crate::changes::Kind;

/// An expression over the columns of a scope.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// The column with this number.
    Column(usize),
    /// A constant.
    Literal(String),
    /// A text with `{}` for each argument.
    Form(&'static str, Vec<Expr>),
}

/// What kinds a form takes and gives; decimals of all sizes are one kind.
struct Form(&'static str, &'static [Kind], Kind);

const DEC: Kind = Kind::Dec(12, 2);

/// Neither products nor quotients: sums stay far from overflow, and doubles stay multiples of an eighth.
const FORMS: [Form; 44] = [
    Form("({} + {})", &[Kind::Int, Kind::Int], Kind::Int),
    Form("({} - {})", &[Kind::Int, Kind::Int], Kind::Int),
    Form("(2 * {})", &[Kind::Int], Kind::Int),
    Form("({} % 3)", &[Kind::Int], Kind::Int),
    Form("ABS({})", &[Kind::Int], Kind::Int),
    Form("CHAR_LENGTH({})", &[Kind::Str], Kind::Int),
    Form("({} + {})", &[Kind::Big, Kind::Big], Kind::Big),
    Form("CAST({} AS BIGINT)", &[Kind::Int], Kind::Big),
    Form("EXTRACT(YEAR FROM {})", &[Kind::Date], Kind::Big),
    Form("({} + {})", &[DEC, DEC], DEC),
    Form("({} - {})", &[DEC, DEC], DEC),
    Form("({} + {})", &[Kind::Dbl, Kind::Dbl], Kind::Dbl),
    Form("({} - {})", &[Kind::Dbl, Kind::Dbl], Kind::Dbl),
    Form("UPPER({})", &[Kind::Str], Kind::Str),
    Form("LOWER({})", &[Kind::Str], Kind::Str),
    Form("REVERSE({})", &[Kind::Str], Kind::Str),
    Form("REPLACE({}, 'b', 'xy')", &[Kind::Str], Kind::Str),
    Form("TRIM({})", &[Kind::Str], Kind::Str),
    Form("CAST({} AS VARCHAR)", &[DEC], Kind::Str),
    Form("CAST({} AS VARCHAR)", &[Kind::Date], Kind::Str),
    Form("({} * {})", &[Kind::Int, Kind::Int], Kind::Int),
    Form("EXTRACT(DAY FROM {})", &[Kind::Date], Kind::Big),
    Form("CAST({} AS DECIMAL(12, 2))", &[Kind::Int], DEC),
    Form("({} IS NOT TRUE)", &[Kind::Bool], Kind::Bool),
    Form("SUBSTRING({}, 1, 1)", &[Kind::Str], Kind::Str),
    Form("({} || {})", &[Kind::Str, Kind::Str], Kind::Str),
    Form("CAST({} AS VARCHAR)", &[Kind::Int], Kind::Str),
    Form("(NOT {})", &[Kind::Bool], Kind::Bool),
    Form("({} AND {})", &[Kind::Bool, Kind::Bool], Kind::Bool),
    Form("({} OR {})", &[Kind::Bool, Kind::Bool], Kind::Bool),
    Form("({} AND {})", &[Kind::Bool, Kind::Bool], Kind::Bool),
    Form("({} OR {})", &[Kind::Bool, Kind::Bool], Kind::Bool),
    Form("({} IS TRUE)", &[Kind::Bool], Kind::Bool),
    Form("({} LIKE 'a%')", &[Kind::Str], Kind::Bool),
    Form("({} NOT LIKE '%b')", &[Kind::Str], Kind::Bool),
    Form("({} IN (1, 2, -1))", &[Kind::Int], Kind::Bool),
    Form("({} NOT IN ('a', 'bb'))", &[Kind::Str], Kind::Bool),
    Form("({} BETWEEN {} AND {})", &[Kind::Int, Kind::Int, Kind::Int], Kind::Bool),
    Form("({} > 0)", &[Kind::Int], Kind::Bool),
    Form("({} > 0)", &[DEC], Kind::Bool),
    Form("({} <= 1)", &[Kind::Dbl], Kind::Bool),
    Form("({} <> 'a')", &[Kind::Str], Kind::Bool),
    Form("({} < DATE '2024-02-02')", &[Kind::Date], Kind::Bool),
    Form("({} <> 2)", &[Kind::Big], Kind::Bool),
];

const COMPARISONS: [&str; 8] = [
    "({} = {})",
    "({} <> {})",
    "({} < {})",
    "({} <= {})",
    "({} > {})",
    "({} >= {})",
    "({} IS DISTINCT FROM {})",
    "({} IS NOT DISTINCT FROM {})",
];

const KINDS: [Kind; 7] = [Kind::Int, Kind::Big, DEC, Kind::Str, Kind::Dbl, Kind::Bool, Kind::Date];

/// True for kinds whose values may stand for each other.
pub fn alike(a: Kind, b: Kind) -> bool {
    a == b || matches!((a, b), (Kind::Dec(..), Kind::Dec(..)))
}

/// One of a list.
///
/// # Panics
/// When the list is empty.
pub(super) fn pick<'a, T>(rng: &mut Rng, all: &'a [T]) -> &'a T {
    &all[rng.below(all.len() as u64) as usize]
}

/// A random cell of a kind, from few values so that rows meet.
pub(super) fn cell(rng: &mut Rng, kind: Kind) -> String {
    match kind {
        Kind::Int => rng.between(-2, 4).to_string(),
        Kind::Big => pick(rng, &["0", "1", "2", "3", "1099511627776", "-7"]).to_string(),
        Kind::Dec(..) => pick(rng, &["0.00", "0.10", "0.20", "1.25", "-3.50", "99.99", "2.00"]).to_string(),
        Kind::Str => pick(rng, &["a", "b", "c", "", "bb", "ab", "é"]).to_string(),
        Kind::Dbl | Kind::Approx => pick(rng, &["0", "0.5", "1.125", "-2.25", "1024.5", "3"]).to_string(),
        Kind::Bool => pick(rng, &["true", "false"]).to_string(),
        Kind::Date => pick(rng, &["2024-02-01", "2024-02-02", "2024-02-29", "2023-12-31"]).to_string(),
    }
}

fn literal(rng: &mut Rng, kind: Kind) -> Expr {
    if rng.chance(0.1) {
        return Expr::Literal(format!("CAST(NULL AS {})", varchar(kind)));
    }
    let cell = cell(rng, kind);
    Expr::Literal(match kind {
        Kind::Int => format!("({cell})"),
        Kind::Str => format!("'{cell}'"),
        Kind::Bool => cell.to_uppercase(),
        Kind::Date => format!("DATE '{cell}'"),
        _ => format!("CAST({cell} AS {})", varchar(kind)),
    })
}

fn varchar(kind: Kind) -> String {
    kind.sql().replace("STRING", "VARCHAR")
}

impl Expr {
    /// A random one of a kind over the columns of a scope, at most so deep.
    pub fn random(rng: &mut Rng, kind: Kind, scope: &[Kind], depth: usize) -> Expr {
        if depth == 0 || rng.chance(0.4) {
            return Expr::leaf(rng, kind, scope);
        }
        let part = |rng: &mut Rng, kind: Kind| Expr::random(rng, kind, scope, depth - 1);
        match rng.below(10) {
            0 => {
                let condition = part(rng, Kind::Bool);
                Expr::Form("CASE WHEN {} THEN {} ELSE {} END", vec![condition, part(rng, kind), part(rng, kind)])
            }
            1 => Expr::Form("COALESCE({}, {})", vec![part(rng, kind), part(rng, kind)]),
            2 => Expr::Form("NULLIF({}, {})", vec![part(rng, kind), part(rng, kind)]),
            3..=6 if kind == Kind::Bool => {
                let of = *pick(rng, scope);
                let of = if of == Kind::Approx { *pick(rng, &KINDS) } else { of };
                match rng.below(4) {
                    0 => Expr::Form("({} IS NULL)", vec![part(rng, of)]),
                    1 => Expr::Form("({} IS NOT NULL)", vec![part(rng, of)]),
                    _ => Expr::Form(pick::<&'static str>(rng, &COMPARISONS), vec![part(rng, of), part(rng, of)]),
                }
            }
            _ => {
                let forms: Vec<&Form> = FORMS.iter().filter(|f| alike(f.2, kind)).collect();
                if forms.is_empty() {
                    return Expr::leaf(rng, kind, scope);
                }
                let form = *pick(rng, &forms);
                Expr::Form(form.0, form.1.iter().map(|k| part(rng, *k)).collect())
            }
        }
    }

    fn leaf(rng: &mut Rng, kind: Kind, scope: &[Kind]) -> Expr {
        let columns: Vec<usize> = (0..scope.len()).filter(|i| alike(scope[*i], kind)).collect();
        match columns.is_empty() || rng.chance(0.15) {
            true => literal(rng, kind),
            false => Expr::Column(*pick(rng, &columns)),
        }
    }

    /// As SQL, given the names of the columns.
    pub fn sql(&self, names: &[String]) -> String {
        match self {
            Expr::Column(index) => names.get(*index).cloned().unwrap_or_else(|| format!("$column{index}")),
            Expr::Literal(text) => text.clone(),
            Expr::Form(text, parts) => {
                let mut pieces = text.split("{}");
                let mut out = pieces.next().unwrap_or_default().to_owned();
                for (piece, part) in pieces.zip(parts) {
                    out.push_str(&part.sql(names));
                    out.push_str(piece);
                }
                out
            }
        }
    }

    /// Simpler expressions of the same kind.
    pub fn simpler(&self) -> Vec<Expr> {
        let Expr::Form(text, parts) = self else { return vec![] };
        let same_kind: &[usize] = match *text {
            "CASE WHEN {} THEN {} ELSE {} END" => &[1, 2],
            "COALESCE({}, {})" | "NULLIF({}, {})" | "({} AND {})" | "({} OR {})" | "({} + {})" | "({} - {})"
            | "({} || {})" => &[0, 1],
            "(NOT {})" | "(2 * {})" | "ABS({})" | "UPPER({})" | "({} IS TRUE)" | "({} % 3)" => &[0],
            _ => &[],
        };
        let mut simpler: Vec<Expr> = same_kind.iter().filter_map(|i| parts.get(*i).cloned()).collect();
        for (index, part) in parts.iter().enumerate() {
            for less in part.simpler() {
                let mut parts = parts.clone();
                parts[index] = less;
                simpler.push(Expr::Form(text, parts));
            }
        }
        simpler
    }
}
