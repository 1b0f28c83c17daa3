//! `peers-allocations` prints each case with its allocations and their bytes.

use peers_instructions::{CASES, case};

fn main() {
    for name in CASES {
        let mut once = case(name).expect("a case of the list");
        once();
        let counted = allocation_counter::measure(once);
        println!("{name} {} {}", counted.count_total, counted.bytes_total);
    }
}
