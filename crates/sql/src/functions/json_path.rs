//! Paths into a JSON text: `$.a['b'][0]`, and everything else that JSONPath (RFC 9535) has.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use serde_json_path::JsonPath;

/// A compiled path.
pub(super) struct Path {
    route: Route,
    strict: bool,
}

enum Route {
    /// Leads to one place at most.
    One(Vec<Step>),
    /// Leads to any number of them (`$.items[*].price`, `$..price`, `$.items[?(@.price > 2)]`): a list, as in Flink.
    Many(JsonPath),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// Negative: from the end.
    Index(isize),
}

impl Path {
    /// `None` when the text is no path. Before the path `lax` (what it is anyway) or `strict` may stand.
    pub(super) fn compile(text: &str) -> Option<Path> {
        let text = text.trim();
        let (strict, text) = match (text.strip_prefix("strict "), text.strip_prefix("lax ")) {
            (Some(rest), _) => (true, rest.trim()),
            (_, Some(rest)) => (false, rest.trim()),
            _ => (false, text),
        };
        let route = match steps(text) {
            Some(steps) => Route::One(steps),
            None => Route::Many(JsonPath::parse(text).ok()?),
        };
        Some(Path { route, strict })
    }

    /// A strict path fails where a lax one finds nothing.
    pub(super) fn is_strict(&self) -> bool {
        self.strict
    }

    /// True when the path leads to one place at most.
    pub(super) fn is_single(&self) -> bool {
        matches!(self.route, Route::One(_))
    }

    /// The JSON to which the path leads, if it leads somewhere: as it is written, so that numbers keep their digits.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub(super) fn find<'t>(&self, json: &'t str) -> serde_json::Result<Option<Cow<'t, str>>> {
        match &self.route {
            Route::One(steps) => {
                let mut text = serde_json::Deserializer::from_str(json);
                let found = Follow { steps }.deserialize(&mut text)?;
                text.end()?;
                Ok(found.map(Cow::Borrowed))
            }
            Route::Many(path) => {
                let root: Value = serde_json::from_str(json)?;
                let found: Value = path.query(&root).all().into_iter().cloned().collect();
                Ok(Some(Cow::Owned(found.to_string())))
            }
        }
    }
}

/// Walks through a text to the end of a path. All of the text is read, so that broken JSON is found, and nothing built.
struct Follow<'s> {
    steps: &'s [Step],
}

impl<'de> DeserializeSeed<'de> for Follow<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Self::Value, D::Error> {
        match self.steps.split_first() {
            None => <&RawValue>::deserialize(text).map(|value| Some(value.get())),
            Some((step, steps)) => text.deserialize_any(Walk { step, next: Follow { steps } }),
        }
    }
}

/// A step from a value.
struct Walk<'s> {
    step: &'s Step,
    next: Follow<'s>,
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(meant) = members.next_key_seed(IsMeant(self.step))? {
            match meant {
                // The last of several with one name counts.
                true => found = members.next_value_seed(Follow { steps: self.next.steps })?,
                false => _ = members.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Step::Index(index) = self.step else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        let Ok(index) = usize::try_from(*index) else {
            let mut all: Vec<&'de RawValue> = Vec::new();
            while let Some(item) = items.next_element()? {
                all.push(item);
            }
            let Some(item) = all.len().checked_add_signed(*index).and_then(|at| all.get(at)) else { return Ok(None) };
            return self
                .next
                .deserialize(&mut serde_json::Deserializer::from_str(item.get()))
                .map_err(A::Error::custom);
        };
        for _ in 0..index {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = items.next_element_seed(self.next)?;
        if found.is_some() {
            while items.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(found.flatten())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Whether a member is the one of a step.
struct IsMeant<'s>(&'s Step);

impl<'de> DeserializeSeed<'de> for IsMeant<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for IsMeant<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(matches!(self.0, Step::Key(key) if key == name))
    }
}

/// Adds JSON without the spaces between its parts.
pub(super) fn push_dense(json: &str, out: &mut String) {
    let (mut in_text, mut escaped) = (false, false);
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            ' ' | '\n' | '\r' | '\t' if !in_text => continue,
            _ => {}
        }
        out.push(c);
    }
}

/// The steps of a path that leads to one place; `None` for others.
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        // `$.["a.b"]` is `$["a.b"]`.
        let bracket = rest.strip_prefix(".[").or_else(|| rest.strip_prefix('['));
        if let Some(inner) = bracket {
            let (step, after) = match inner.trim_start().chars().next()? {
                quote @ ('\'' | '"') => {
                    let (key, after) = inner.trim_start().strip_prefix(quote)?.split_once(quote)?;
                    (Step::Key(key.to_owned()), after.trim_start().strip_prefix(']')?)
                }
                _ => {
                    let (index, after) = inner.split_once(']')?;
                    (Step::Index(index.trim().parse().ok()?), after)
                }
            };
            steps.push(step);
            rest = after;
            continue;
        }
        let member = rest.strip_prefix('.')?;
        let (key, after) = match member.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => member.split_at(member.find(['.', '[']).unwrap_or(member.len())),
        };
        if key.is_empty() || key == "*" || key.ends_with("()") {
            return None;
        }
        steps.push(Step::Key(key.to_owned()));
        rest = after;
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str, json: &str) -> Option<String> {
        Path::compile(path)?.find(json).unwrap().map(Cow::into_owned)
    }

    #[test]
    fn paths_lead_to_one_value_or_give_a_list() {
        let json = r#"{"a": {"b c": [1, {"d": 2}], "x.y": 7}, "e": [{"d": 3}, {"d": 4}]}"#;
        for (path, found) in [
            ("$.a['b c'][1].d", "2"),
            ("$.a.[\"x.y\"]", "7"),
            ("$.a.\"x.y\"", "7"),
            ("$.e[-1].d", "4"),
            ("lax $.e[*].d", "[3,4]"),
            ("$..d", "[2,3,4]"),
            ("$.e[1:]", r#"[{"d":4}]"#),
            ("$.e[?(@.d > 3)].d", "[4]"),
            ("$.e[?(@.d > 9)].d", "[]"),
        ] {
            assert_eq!(find(path, json).as_deref(), Some(found), "{path}");
        }
        // As in Flink, a member is not looked for in the items of an array.
        for path in ["$.x", "$.e.d", "$.e[2]", "$.e[-3]", "strict $.x"] {
            assert_eq!(find(path, json), None, "{path}");
        }
        for broken in ["", "{", r#"{"a": 1} x"#, r#"{"a": 1, "b": }"#] {
            assert!(Path::compile("$.a").unwrap().find(broken).is_err(), "{broken}");
        }
        assert_eq!(find("$.a", r#"{"a": 1, "a": 2.50}"#).as_deref(), Some("2.50"));
        let mut dense = String::new();
        push_dense(r#"{ "a b" : [ 1.50, "x \" y" ] }"#, &mut dense);
        assert_eq!(dense, r#"{"a b":[1.50,"x \" y"]}"#);
        assert!(Path::compile("a.b").is_none());
        assert!(Path::compile("$.e[?(").is_none());
    }
}
