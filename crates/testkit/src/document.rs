//! A Markdown page whose SQL is run: each `##` section with `sql` blocks is a test script (see [`crate::case`]).
//!
//! The blocks of the first such section are put before those of all others, so that tables are declared once.

use crate::case::Case;

/// A page taken apart.
#[derive(Debug)]
pub struct Document {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Sql { section: String, text: String },
}

impl Document {
    /// Takes a page apart.
    pub fn parse(page: &str) -> Document {
        let (mut pieces, mut text, mut section) = (vec![], String::new(), String::new());
        let mut block: Option<String> = None;
        for line in page.lines() {
            if let Some(sql) = &mut block {
                if line.starts_with("```") {
                    pieces.push(Piece::Sql { section: section.clone(), text: std::mem::take(sql) });
                    block = None;
                    text.push_str("```\n");
                } else {
                    sql.push_str(line);
                    sql.push('\n');
                }
                continue;
            }
            if let Some(title) = line.strip_prefix("## ") {
                title.clone_into(&mut section);
            }
            text.push_str(line);
            text.push('\n');
            if line == "```sql" {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                block = Some(String::new());
            }
        }
        pieces.push(Piece::Text(text));
        Document { pieces }
    }

    /// The sections with SQL, in order, each with its script.
    pub fn scripts(&self) -> Vec<(String, String)> {
        let mut scripts: Vec<(String, String)> = vec![];
        for piece in &self.pieces {
            let Piece::Sql { section, text } = piece else { continue };
            match scripts.last_mut() {
                Some((last, script)) if last == section => *script += &format!("\n{text}"),
                Some(_) => {
                    let prelude = scripts.first().map(|(_, text)| text.clone()).unwrap_or_default();
                    scripts.push((section.clone(), format!("{prelude}\n{text}")));
                }
                None => scripts.push((section.clone(), text.clone())),
            }
        }
        scripts
    }

    /// The page with the scripts as they should be, given in the order of [`Document::scripts`].
    ///
    /// # Errors
    /// When a script says more than its blocks have room for: the job failed.
    pub fn render(&self, scripts: &[String]) -> Result<String, String> {
        let paragraphs = |text: &str| Case::parse("", text).paragraph_count();
        let names = self.scripts();
        let prelude = self.prelude();
        let mut left: Vec<std::collections::VecDeque<&str>> =
            scripts.iter().map(|s| s.trim_end().split("\n\n").collect()).collect();
        for rest in left.iter_mut().skip(1) {
            rest.drain(..prelude.min(rest.len()));
        }
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Sql { section, text } => {
                    let Some(at) = names.iter().position(|(name, _)| name == section) else { continue };
                    let Some(rest) = left.get_mut(at) else { continue };
                    let mine: Vec<&str> = rest.drain(..paragraphs(text).min(rest.len())).collect();
                    out.push_str(mine.join("\n\n").trim_end());
                    out.push('\n');
                }
            }
        }
        match left.iter().flatten().next() {
            Some(rest) => Err(format!("a script says more than it asks: {rest}")),
            None => Ok(out),
        }
    }

    fn prelude(&self) -> usize {
        let scripts = self.scripts();
        scripts.first().map_or(0, |(_, text)| Case::parse("", text).paragraph_count())
    }
}
