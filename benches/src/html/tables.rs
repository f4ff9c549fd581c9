//! The tables of the page. On a narrow screen each line is a card, and says of each cell what it is.

use maud::{Markup, html};

use super::chart::look;
use super::link;
use crate::done::Done;
use crate::judge::{Judged, Line, Standing};
use crate::report::{
    Loss, best, by_chance, noise, ours, ratio, show_ahead, sorted_losses, unbounded,
};
use crate::row::{Role, Unit};

/// A table with these columns.
fn table(columns: &[&str], lines: &Markup) -> Markup {
    html! {
        table role="table" {
            thead { tr { @for column in columns { th scope="col" { (column) } } } }
            tbody { (lines) }
        }
    }
}

/// A cell, which knows its column.
fn cell(column: &str, content: &Markup) -> Markup {
    // One child, which is a column of its own on a narrow screen. None if there is nothing to say.
    let empty = content.0.is_empty();
    html! { td data-column=(column) { @if !empty { div { (content) } } } }
}

fn text(column: &str, content: &str) -> Markup {
    cell(column, &html! { (content) })
}

/// The row's work, and what of it the figure is.
fn in_full(row: &Done, line: &Line) -> String {
    if line.what.is_empty() { row.work.clone() } else { format!("{}: {}", row.work, line.what) }
}

/// The rows where others are better, missed bounds first.
pub(super) fn losses(rows: &[Done]) -> Markup {
    let losses = sorted_losses(rows);
    let mark = |missed: bool, noisy: bool| {
        html! { @if missed { span.missed { "missed" } } @else if noisy { "too noisy" } @else { "no bound missed" } }
    };
    let lines = html! { @for Loss { row, line, missed } in &losses {
        tr {
            (cell("row", &link(&row.id)))
            (cell("bound", &mark(*missed, line.noisy)))
            (text("figure", &in_full(row, line)))
            (cell("who", &html! { @for ahead in &line.better_than_ours { div { (show_ahead(ahead)) } } }))
        }
    } };
    html! {
        p { "Others are better here with the whole interval, and so many times; missed bounds first. " (by_chance(rows)) "." }
        @if losses.is_empty() {
            p { "Nowhere in the rows measured." }
        } @else {
            (table(&["row", "bound", "figure", "who"], &lines))
        }
    }
}

/// Every bound with its figures.
pub(super) fn bounds(rows: &[Done]) -> Markup {
    let judged = rows.iter().flat_map(|row| row.lines.iter().map(move |line| (row, line)));
    let lines = html! {
        @for (row, line) in judged { @for judged in &line.judged { (bound(row, line, judged)) } }
    };
    let columns =
        ["row", "verdict", "figure", "ratio (95 %)", "must", "ours", "floor", "best peer"];
    table(&columns, &lines)
}

fn bound(row: &Done, line: &Line, judged: &Judged) -> Markup {
    let of = |figure: Option<f64>| figure.map_or("–".to_owned(), |figure| line.unit.show(figure));
    let best = best(line).map_or("–".to_owned(), |best| {
        format!("{} {}", line.unit.show(best.figure.median), best.name)
    });
    html! {
        tr {
            (cell("row", &link(&row.id)))
            (cell("verdict", &html! { span class=(look(judged.verdict)) { (judged.verdict) } }))
            (text("figure", line.title(row)))
            (text("ratio (95 %)", &ratio(judged, line.unit)))
            (text("must", &judged.must))
            (text("ours", &ours(line)))
            (text("floor", &of(line.floor().map(|floor| floor.figure.median))))
            (text("best peer", &best))
        }
    }
}

/// What a latency costs: a thread that spins while it waits is quick, and takes a processor.
pub(super) fn latency(rows: &[Done]) -> Markup {
    let both = |row: &'_ Done| {
        let cpu = row.lines.iter().position(|line| line.key == "cpu")?;
        (cpu > 0 && row.lines[0].unit == Unit::Nanos).then_some(cpu)
    };
    let rows: Vec<_> = rows.iter().filter_map(|row| Some((row, both(row)?))).collect();
    let lines =
        html! { @for (row, cpu) in &rows { (costs(row, &row.lines[0], &row.lines[*cpu])) } };
    html! {
        p { "Both of ours, of the floor, of the quickest peer, and of the peer that takes the least processor time. "
            "Processor time is that of all threads of the process. A pool whose workers spin is quick, and pays for it." }
        @if rows.is_empty() {
            p { "No row of this run has both." }
        } @else {
            (table(&["row", "who", "latency, median", "processor time", "others had"], &lines))
        }
    }
}

fn costs(row: &Done, wall: &Line, cpu: &Line) -> Markup {
    let of = |line: &Line, name: &str| {
        let found = line.standings.iter().find(|standing| standing.name == name);
        found.map_or("–".to_owned(), |found| line.unit.show(found.figure.median))
    };
    let first = |line: &Line, role: Role| {
        line.standings.iter().find(|standing| standing.role == role).map(|first| first.name.clone())
    };
    let mut names: Vec<String> = [
        first(wall, Role::Ours),
        first(wall, Role::Floor),
        first(wall, Role::Peer),
        first(cpu, Role::Peer),
    ]
    .into_iter()
    .flatten()
    .collect();
    names.dedup();
    let what = |name: &str| {
        let is = |of: &Option<String>| of.as_deref() == Some(name);
        if is(&first(wall, Role::Floor)) { " (floor)" } else { "" }
    };
    html! { @for (at, name) in names.iter().enumerate() {
        tr {
            (cell("row", &html! { @if at == 0 { (link(&row.id)) ": " (row.work) } }))
            (cell("who", &html! { @if at == 0 { span.ours { (name) } } @else { (name) (what(name)) } }))
            (text("latency, median", &of(wall, name)))
            (text("processor time", &of(cpu, name)))
            (text("others had", if at == 0 { noise(&row.race) } else { String::new() }.as_str()))
        }
    } }
}

/// What goes to the allocator.
pub(super) fn memory(rows: &[Done]) -> Markup {
    let rows: Vec<_> = rows.iter().filter(|row| row.work.starts_with("heap allocations")).collect();
    let show = |line: &Line, standing: Option<&Standing>| {
        standing.map_or("–".to_owned(), |of| {
            format!("{} {}", line.unit.show(of.figure.median), of.name)
        })
    };
    let peer = |line: &'_ Line| line.standings.iter().find(|of| of.role == Role::Peer).cloned();
    let lines = html! { @for row in &rows { @for line in &row.lines {
        tr {
            (cell("row", &link(&row.id)))
            (text("figure", line.title(row)))
            (text("unit", if line.unit == Unit::Bytes { "bytes" } else { "allocations" }))
            (text("ours", &line.ours().map_or("–".to_owned(), |ours| line.unit.show(ours.median))))
            (text("best peer", &show(line, peer(line).as_ref())))
            (text("ours divided by the best", &unbounded(line).or_else(|| {
                line.to_best.as_ref().map(|best| format!("{:.3}", best.ratio.median))
            }).unwrap_or_else(|| "–".to_owned())))
        }
    } } };
    html! {
        p { "Counted by the allocator of the program, so that no neighbour can change it. What a process holds while it is "
            "idle, and what the system gives it, is not measured." }
        @if rows.is_empty() {
            p { "This run has no row of allocations." }
        } @else {
            (table(&["row", "figure", "unit", "ours", "best peer", "ours divided by the best"], &lines))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::done;

    /// Beside the page's edge a verdict would not be read: on a narrow screen every cell stands below
    /// the one before, with the name of its column.
    #[test]
    fn every_cell_knows_its_column() {
        let mut row = done("P1");
        "heap allocations".clone_into(&mut row.work);
        let mut cpu = row.lines[0].clone();
        "cpu".clone_into(&mut cpu.key);
        row.lines.push(cpu);
        let rows = [row];
        for table in [losses(&rows), bounds(&rows), latency(&rows), memory(&rows)] {
            let table = table.into_string();
            let columns: Vec<_> = table
                .split("<th scope=\"col\">")
                .skip(1)
                .filter_map(|head| head.split("</th>").next())
                .collect();
            let cells: Vec<_> = table
                .split("<td data-column=\"")
                .skip(1)
                .filter_map(|cell| cell.split('"').next())
                .collect();
            assert!(!cells.is_empty() && cells.len() % columns.len() == 0, "{table}");
            for line in cells.chunks(columns.len()) {
                assert_eq!(line, columns);
            }
        }
    }

    #[test]
    fn a_run_without_losses_says_so() {
        assert!(losses(&[]).into_string().contains("Nowhere in the rows measured."));
        assert!(latency(&[]).into_string().contains("No row of this run has both."));
    }
}
