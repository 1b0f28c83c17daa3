//! `peers-instructions CASE COUNT`

use peers_instructions::case;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = &arguments[..] else { panic!("CASE COUNT") };
    let mut once = case(name).expect("a case of the list");
    for _ in 0..count.parse().expect("a count") {
        once();
    }
}
