//! Bad input of every kind: the exit code, words that name the place, no panic, nothing lost, no secret told.
//!
//! | what | where |
//! |---|---|
//! | configurations | `bad_input/configurations` |
//! | command lines | `bad_input/command_lines` |
//! | files of feeds | `bad_input/feed_files` |
//! | what comes over a socket | `bad_input/frames` |

mod command_lines;
mod configurations;
mod feed_files;
mod frames;

#[test]
fn there_are_at_least_two_hundred() {
    let counts = [
        configurations::CASES.len(),
        command_lines::CASES.len(),
        feed_files::cases().len(),
        frames::cases().len(),
    ];
    let all: usize = counts.iter().sum();
    println!("bad input: {all} cases: configurations, command lines, files, frames: {counts:?}");
    assert!(all >= 200, "{counts:?}");
}
