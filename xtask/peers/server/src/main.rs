//! `peers-server bare ANSWER-FILE`: a hyper handler that reads each request and answers what the file says.
//! `peers-server room DEVICES`: our server with room for so many devices.
//! `peers-server answer ADDRESS`: the bytes of our server's answer to a poll of a device that waits.
//! `peers-server load ADDRESS PROCESS CONNECTIONS SPAN DEVICES`: registers, starts so many devices and polls them in no
//! order, for so many seconds (`2s`) or until so many answers are there; prints the microseconds that the server's process ran for each answer.
//! `peers-server blind …`: the same without a look at the devices, for a server that does not look either.
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
        ["room", devices] => room::serve(number(devices)),
        ["answer", address] => wire::print(&load::pending_answer(address)),
        [what @ ("load" | "blind"), address, id, connections, span, devices] => {
            let load = load::Load {
                address,
                id: id.parse().expect("a process"),
                connections: number(connections),
                span: load::Span::read(span).expect("seconds or answers"),
                devices: number(devices),
            };
            println!("{:.3}", if what == "load" { load.polls() } else { load.blind_polls() });
        }
        _ => panic!("bare, room, answer, load or blind"),
    }
}
