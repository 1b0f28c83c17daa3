//! Servers to compare, and their load.
//!
//! - `peers-server bare ANSWER-FILE`: a hyper handler that reads each request and answers what the file says.
//! - `peers-server room DEVICES [file PATH | postgres]`: our server with room for so many devices, at this store. The
//!   variable `STORE_URL` has the URL of the database.
//! - `peers-server answer ADDRESS`: the bytes of our server's answer to a poll of a device that waits.
//! - `peers-server load CONNECTIONS ANSWERS ROUNDS [ADDRESS PROCESS DEVICES]…`: registers at each server, starts
//!   so many devices there, and polls them in no order. In each round, each server in turn gives so many answers.
//!   A line for each round has the microseconds that each server's process ran for one answer. With no device,
//!   the same request goes to a server that does not read it.
//!
//! The servers print `listening on http://ADDRESS`.

mod bare;
mod load;
mod room;
mod wire;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse::<usize>().expect("a number");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare", file] => bare::serve(&std::fs::read(file).expect("the answer")),
        ["room", devices] => room::serve(number(devices), &room::Store::Memory),
        ["room", devices, "file", path] => room::serve(number(devices), &room::Store::File(path)),
        ["room", devices, "postgres"] => room::serve(number(devices), &room::Store::Postgres),
        ["answer", address] => wire::print(&load::pending_answer(address)),
        ["load", connections, answers, rounds, ref targets @ ..] if targets.len().is_multiple_of(3) => {
            let target =
                |of: &[&str]| load::Target::new(of[0], number(of[1]), number(of[2]), number(connections));
            let mut targets: Vec<_> = targets.chunks(3).map(target).collect();
            for _ in 0..number(rounds) {
                let took = targets.iter_mut().map(|target| format!("{:.3}", target.polls(number(answers))));
                println!("{}", took.collect::<Vec<_>>().join(" "));
            }
        }
        _ => panic!("bare, room, answer or load"),
    }
}
