//! Where the library orders memory, found in its tokens, so that comments do not count and macros do.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};

use crate::{Refusal, refused};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Relaxed,
    Acquire,
    Release,
    AcqRel,
    SeqCst,
}

impl Order {
    fn named(name: &Ident) -> Option<Self> {
        [Self::Relaxed, Self::Acquire, Self::Release, Self::AcqRel, Self::SeqCst]
            .into_iter()
            .find(|order| name == &format!("{order:?}"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weaker {
    Order(Order),
    /// A fence that is not there.
    Removed,
}

impl fmt::Display for Weaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order) => write!(f, "{order:?}"),
            Self::Removed => f.write_str("removed"),
        }
    }
}

/// One ordering of the library.
#[derive(Debug)]
pub(crate) struct Site {
    /// Its place in the list of all sites.
    pub(crate) id: usize,
    /// Below the repository's root, with `/`.
    pub(crate) file: String,
    /// From 1.
    line: usize,
    pub(crate) function: String,
    /// The line it begins on, trimmed.
    pub(crate) text: String,
    /// Which of the sites in this function with this text, from 1.
    pub(crate) occurrence: usize,
    pub(crate) is_fence: bool,
    order: Order,
    /// Of an ordering: the whole path. Of a fence: the function's name.
    pub(crate) bytes: Range<usize>,
}

/// A site and what it is weakened to.
#[derive(Clone, Debug)]
pub(crate) struct Mutant<'a> {
    pub(crate) site: &'a Site,
    pub(crate) to: Weaker,
}

impl Site {
    /// What it can be weakened to. AcqRel is not made Relaxed: whatever objects to half of that objects to all of it.
    pub(crate) fn weaker(&self) -> &'static [Weaker] {
        match (self.is_fence, self.order) {
            (_, Order::Relaxed) => &[],
            (true, Order::SeqCst) => &[Weaker::Removed, Weaker::Order(Order::AcqRel)],
            (true, _) => &[Weaker::Removed],
            (false, Order::AcqRel) => {
                &[Weaker::Order(Order::Acquire), Weaker::Order(Order::Release)]
            }
            (false, _) => &[Weaker::Order(Order::Relaxed)],
        }
    }

    pub(crate) fn mutants(&self) -> impl Iterator<Item = Mutant<'_>> {
        self.weaker().iter().map(|&to| Mutant { site: self, to })
    }
}

impl Mutant<'_> {
    /// What names it as long as the source around it stays as it is, but for the text of its line.
    pub(crate) fn key(&self) -> String {
        let Site { file, function, .. } = self.site;
        format!("{file} {function} {}", self.change())
    }

    fn change(&self) -> String {
        let Site { occurrence, order, is_fence, .. } = self.site;
        format!("#{occurrence} {}{order:?} -> {}", if *is_fence { "fence " } else { "" }, self.to)
    }
}

impl fmt::Display for Mutant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site { file, line, function, text, .. } = self.site;
        write!(f, "{file}:{line} {function} {}: {text}", self.change())
    }
}

/// Every site of the library outside the room `sync`.
pub(crate) fn find(root: &Path) -> Result<Vec<Site>, Refusal> {
    let mut sites = Vec::new();
    for path in sources(&root.join("src"))? {
        let name =
            path.strip_prefix(root).expect("it lies below").to_string_lossy().replace('\\', "/");
        if name.starts_with("src/sync/") {
            continue;
        }
        let source = refused(std::fs::read_to_string(&path), "read", &path)?;
        let before = sites.len();
        let tokens = TokenStream::from_str(&source)
            .map_err(|error| format!("cannot parse {name}: {error}"))?;
        Walk { file: &name, source: &source, sites: &mut sites, seen: BTreeMap::new() }
            .walk(tokens, "-")?;
        let (found, written) = (sites.len() - before, written(&source));
        if found != written {
            return Err(format!("{name}: {found} sites found, but {written} orderings written"));
        }
    }
    Ok(sites)
}

/// How many orderings a source names outside comments, by a second way of counting.
fn written(source: &str) -> usize {
    let orders = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"]
        .map(|order| format!("Ordering::{order}"));
    let code = source.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    code.map(|line| orders.iter().map(|order| line.matches(order).count()).sum::<usize>()).sum()
}

/// The Rust files below a folder, in the order of their names.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Refusal> {
    let mut found = Vec::new();
    for entry in refused(std::fs::read_dir(folder), "list", folder)? {
        let path = refused(entry, "list", folder)?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

struct Walk<'a> {
    file: &'a str,
    source: &'a str,
    sites: &'a mut Vec<Site>,
    /// How many sites with this function and this text there were.
    seen: BTreeMap<(String, String), usize>,
}

impl Walk<'_> {
    fn walk(&mut self, tokens: TokenStream, function: &str) -> Result<(), Refusal> {
        let tokens: Vec<_> = tokens.into_iter().collect();
        // The function whose signature has begun and whose body has not.
        let mut begun: Option<String> = None;
        let mut at = 0;
        while at < tokens.len() {
            let rest = &tokens[at..];
            at += 1;
            match rest {
                [TokenTree::Ident(word), TokenTree::Ident(name), ..] if word == "fn" => {
                    begun = Some(name.to_string());
                }
                [TokenTree::Punct(punct), ..] if punct.as_char() == ';' => begun = None,
                [TokenTree::Ident(word), TokenTree::Group(arguments), ..]
                    if word == "fence" && arguments.delimiter() == Delimiter::Parenthesis =>
                {
                    let arguments: Vec<_> = arguments.stream().into_iter().collect();
                    let (order, _) = ordering(&arguments).ok_or_else(|| {
                        self.complaint(word.span(), "a fence without its ordering")
                    })?;
                    self.add(word.span(), word.span(), function, true, order);
                    at += 1;
                }
                [TokenTree::Ident(word), ..] if word == "Ordering" => {
                    if let Some((order, end)) = ordering(rest) {
                        if order == Order::SeqCst {
                            return Err(self.complaint(
                                word.span(),
                                "SeqCst is for fences: no model sees it here",
                            ));
                        }
                        self.add(word.span(), end, function, false, order);
                    } else if imports(rest) {
                        return Err(
                            self.complaint(word.span(), "orderings are written with `Ordering::`")
                        );
                    }
                }
                [TokenTree::Group(group), ..] => {
                    let body =
                        (group.delimiter() == Delimiter::Brace).then(|| begun.take()).flatten();
                    self.walk(group.stream(), body.as_deref().unwrap_or(function))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, first: Span, last: Span, function: &str, is_fence: bool, order: Order) {
        let line = first.start().line;
        let text = self.source.lines().nth(line - 1).expect("it is there").trim().to_owned();
        let occurrence = self.seen.entry((function.to_owned(), text.clone())).or_default();
        *occurrence += 1;
        self.sites.push(Site {
            id: self.sites.len(),
            file: self.file.to_owned(),
            line,
            function: function.to_owned(),
            text,
            occurrence: *occurrence,
            is_fence,
            order,
            bytes: first.byte_range().start..last.byte_range().end,
        });
    }

    fn complaint(&self, at: Span, what: &str) -> Refusal {
        format!("{}:{}: {what}", self.file, at.start().line)
    }
}

/// Whether these tokens bring several orderings into scope by their bare names.
fn imports(tokens: &[TokenTree]) -> bool {
    match tokens {
        [_, TokenTree::Punct(a), TokenTree::Punct(b), TokenTree::Group(_), ..] => {
            a.as_char() == ':' && b.as_char() == ':'
        }
        [_, TokenTree::Punct(a), TokenTree::Punct(b), TokenTree::Punct(star), ..] => {
            (a.as_char(), b.as_char(), star.as_char()) == (':', ':', '*')
        }
        _ => false,
    }
}

/// The ordering that these tokens begin with, and where it ends.
fn ordering(tokens: &[TokenTree]) -> Option<(Order, Span)> {
    match tokens {
        [
            TokenTree::Ident(word),
            TokenTree::Punct(a),
            TokenTree::Punct(b),
            TokenTree::Ident(name),
            ..,
        ] if word == "Ordering" && a.as_char() == ':' && b.as_char() == ':' => {
            Some((Order::named(name)?, name.span()))
        }
        _ => None,
    }
}
