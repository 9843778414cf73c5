//! Rust source as tokens, and what can be read from them without a parser.

#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// Identifiers, `::` and single characters; comments, string and character literals left out.
pub fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut out, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let start = i;
        match chars[i] {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && chars[i] != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                while i < chars.len() {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => depth += 1,
                        ('*', '/') => depth -= 1,
                        _ => {
                            i += 1;
                            continue;
                        }
                    }
                    i += 2;
                    if depth == 0 {
                        break;
                    }
                }
            }
            '"' => i = end_of_string(&chars, i),
            // 'a' and '\n' are characters, 'a alone is a lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i += if at(i + 1) == '\\' { 3 } else { 2 };
                while i < chars.len() && chars[i] != '\'' {
                    i += 1;
                }
                i += 1;
            }
            c if word(c) => {
                while word(at(i)) {
                    i += 1;
                }
                let text: String = chars[start..i].iter().collect();
                let raw = matches!(text.as_str(), "r" | "br" | "cr");
                let hashes = (i..).take_while(|&j| at(j) == '#').count();
                if raw && at(i + hashes) == '"' {
                    i = end_of_raw_string(&chars, i + hashes, hashes);
                } else {
                    out.push(Token { text, line });
                }
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                let text = "::".into();
                out.push(Token { text, line });
            }
            c => {
                i += 1;
                if !c.is_whitespace() {
                    let text = c.into();
                    out.push(Token { text, line });
                }
            }
        }
        let end = i.min(chars.len());
        line += chars[start..end].iter().filter(|&&c| c == '\n').count();
    }
    out
}

fn end_of_string(chars: &[char], quote: usize) -> usize {
    let mut i = quote + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn end_of_raw_string(chars: &[char], quote: usize, hashes: usize) -> usize {
    let closes = |&i: &usize| {
        chars[i] == '"' && chars[i + 1..].iter().take_while(|&&c| c == '#').count() >= hashes
    };
    let end = (quote + 1..chars.len()).find(closes);
    end.map_or(chars.len(), |i| i + 1 + hashes)
}

pub fn text(tokens: &[Token], i: usize) -> &str {
    tokens.get(i).map_or("", |token| &token.text)
}

/// The names directly under the path that ends before token `i`: `a::X` gives `a`, `{a::X, {b as c}}`
/// gives `a` and `b`, each with its token.
pub fn first_names(tokens: &[Token], mut i: usize) -> Vec<&Token> {
    let mut names = Vec::new();
    // One entry an open brace: whether the names in it stand directly under the path.
    let (mut groups, mut expected) = (Vec::new(), true);
    while let Some(token) = tokens.get(i) {
        match token.text.as_str() {
            "{" => groups.push(expected),
            "}" => {
                groups.pop();
                expected = false;
            }
            "," => expected = groups.last().is_some_and(|direct| *direct),
            _ if expected => {
                names.push(token);
                expected = false;
            }
            _ => {}
        }
        if groups.is_empty() {
            break;
        }
        i += 1;
    }
    names
}

/// Lines with `unsafe` that no comment justifies: `SAFETY:` above a block or an impl, `# Safety` in the
/// docs of a function or trait.
pub fn unexplained_unsafe(source: &str) -> Vec<usize> {
    let lines: Vec<&str> = source.lines().collect();
    let tokens = tokens(source);
    let is_pointer_type = |i: usize| text(&tokens, i + 1) == "fn" && text(&tokens, i + 2) == "(";
    let explained = |line: usize| {
        let says = |line: &str| {
            line.split_once("//").is_some_and(|(_, comment)| {
                comment.contains("SAFETY:") || comment.contains("# Safety")
            })
        };
        // Upwards through comments, attributes and the beginning of the same statement.
        let above = lines[..line - 1].iter().rev().take_while(|line| {
            let line = line.trim();
            line.starts_with("//")
                || line.starts_with("#[")
                || ["=", "(", ",", "&&", "||", "=>"]
                    .iter()
                    .any(|end| line.ends_with(end))
        });
        says(lines[line - 1]) || above.into_iter().any(|line| says(line))
    };
    tokens
        .iter()
        .enumerate()
        .filter(|(i, token)| {
            token.text == "unsafe" && !is_pointer_type(*i) && !explained(token.line)
        })
        .map(|(_, token)| token.line)
        .collect()
}

/// What an op's file lacks.
pub fn op_defects(source: &str) -> Vec<&'static str> {
    let tokens = tokens(source);
    let mut defects = Vec::new();
    if !source.starts_with("//!") {
        defects.push("has no module docs");
    }
    // Called, not only imported.
    let called = |i: usize| tokens[i].text.starts_with("gradcheck") && text(&tokens, i + 1) == "(";
    if !(0..tokens.len()).any(called) {
        defects.push("has no gradient check");
    }
    let is_test = |i: usize| {
        tokens[i].text == "fn"
            && text(&tokens, i + 1).contains("extreme")
            && tokens[..i]
                .iter()
                .rev()
                .take(4)
                .map(|t| t.text.as_str())
                .collect::<String>()
                == "]test[#"
    };
    if !(0..tokens.len()).any(is_test) {
        defects.push("has no #[test] with `extreme` in its name");
    }
    defects
}

pub fn declares_module(source: &str, name: &str) -> bool {
    let tokens = tokens(source);
    (0..tokens.len()).any(|i| {
        tokens[i].text == "mod" && text(&tokens, i + 1) == name && text(&tokens, i + 2) == ";"
    })
}

#[test]
fn sees_unsafe_without_a_reason() {
    for source in [
        "fn f() {\n    unsafe { g() }\n}",
        "// SAFETY: about something else\nlet x = 1;\nunsafe { g() }",
        "/// Docs.\npub unsafe fn f() {}",
        "unsafe impl Send for X {}",
    ] {
        assert_eq!(unexplained_unsafe(source).len(), 1, "not seen: {source}");
    }
    for source in [
        "// SAFETY: in bounds\nunsafe { g() }",
        "// SAFETY: in bounds,\n// as checked above\n#[allow(x)]\nunsafe { g() }",
        "// SAFETY: in bounds\nlet x =\n    unsafe { g() };",
        "/// # Safety\n/// `p` is valid.\n#[inline]\npub unsafe fn f() {}",
        "type F = unsafe fn(usize);",
        "// unsafe here\nlet s = \"unsafe\"; #![deny(unsafe_op_in_unsafe_fn)]",
    ] {
        assert_eq!(unexplained_unsafe(source), [], "refused: {source}");
    }
}

#[test]
fn sees_an_incomplete_op() {
    let whole = "//! Docs.\nmod tests { #[test] fn gradients() { gradcheck(1) } #[test] fn extreme_inputs() {} }";
    assert_eq!(op_defects(whole), [""; 0]);
    for (source, count) in [
        (whole.replace("//! Docs.\n", ""), 1),
        (whole.replace("gradcheck(1)", "/* gradcheck(1) */"), 1),
        (whole.replace("gradcheck(1)", "use a::gradcheck;"), 1),
        (whole.replace("#[test] fn extreme", "fn extreme"), 1),
        (String::from("fn f() {}"), 3),
    ] {
        assert_eq!(op_defects(&source).len(), count, "{source}");
    }
    assert!(declares_module("pub mod relu;\n", "relu"));
    assert!(!declares_module("// mod relu;\npub mod relu6;", "relu"));
}
