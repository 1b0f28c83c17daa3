//! Load on one thread: a request on every connection, then an answer from every connection. So the server
//! always has a batch to work on, and limits the rate.

use crate::wire::{Line, member, request, split};

struct Client {
    id: String,
    secret: String,
}

impl Client {
    fn register(line: &mut Line) -> Self {
        let answer =
            line.call(&request("/client/register", r#"{"clientName":"load","clientType":"public"}"#));
        let (_, body) = split(answer).expect("whole");
        Self { id: member(body, "clientId"), secret: member(body, "clientSecret") }
    }

    fn start(&self) -> Vec<u8> {
        let body = format!(
            r#"{{"clientId":"{}","clientSecret":"{}","startUrl":"https://d-1234567890.awsapps.com/start"}}"#,
            self.id, self.secret
        );
        request("/device_authorization", &body)
    }

    fn poll(&self, code: &str) -> Vec<u8> {
        let body = format!(
            r#"{{"clientId":"{}","clientSecret":"{}","grantType":"urn:ietf:params:oauth:grant-type:device_code","deviceCode":"{code}"}}"#,
            self.id, self.secret
        );
        request("/token", &body)
    }
}

/// What a device that waits is told, and it must be that.
pub fn pending_answer(address: &str) -> Vec<u8> {
    let mut line = Line::new(address);
    let client = Client::register(&mut line);
    let code = member(split(line.call(&client.start())).expect("whole").1, "deviceCode");
    let answer = line.call(&client.poll(&code)).to_vec();
    must_be_pending(&answer);
    answer
}

fn must_be_pending(answer: &[u8]) {
    let pending = b"authorization_pending";
    assert!(
        answer.windows(pending.len()).any(|window| window == pending),
        "{}",
        String::from_utf8_lossy(answer)
    );
}

/// A server and the devices that wait there.
pub struct Target {
    address: String,
    process: usize,
    connections: usize,
    /// A poll, with room for a code.
    poll: Vec<u8>,
    /// None for a server that does not look at them.
    codes: Vec<String>,
    random: fastrand::Rng,
}

impl Target {
    /// Starts the devices.
    pub fn new(address: &str, process: usize, devices: usize, connections: usize) -> Self {
        let mut lines = lines(address, connections);
        let (client, codes) = if devices == 0 {
            (Client { id: "i".repeat(32), secret: "s".repeat(65) }, Vec::new())
        } else {
            let client = Client::register(&mut lines[0]);
            let codes = start(&client, &mut lines, devices);
            (client, codes)
        };
        // Codes are all of one length, so a request is written into the same bytes each time.
        let poll = client.poll(codes.first().unwrap_or(&"d".repeat(87)));
        Self {
            address: address.to_owned(),
            process,
            connections,
            poll,
            codes,
            random: fastrand::Rng::with_seed(1),
        }
    }

    /// Polls until so many answers are there; a turn of all connections is finished first. The server's
    /// microseconds for each answer.
    pub fn polls(&mut self, enough: usize) -> f64 {
        let mut lines = lines(&self.address, self.connections);
        let before = processor_time(self.process);
        let mut answers = 0;
        while answers < enough {
            lines.iter_mut().for_each(|line| self.send(line));
            for line in &mut lines {
                let answer = line.receive();
                if answers % 1024 == 0 {
                    must_be_pending(answer);
                }
                answers += 1;
            }
        }
        let took = processor_time(self.process) - before;
        took as f64 / 1000.0 / answers as f64
    }

    fn send(&mut self, line: &mut Line) {
        if !self.codes.is_empty() {
            let code = &self.codes[self.random.usize(..self.codes.len())];
            let place = self.poll.len() - code.len() - "\"}".len();
            self.poll[place..place + code.len()].copy_from_slice(code.as_bytes());
        }
        line.send(&self.poll);
    }
}

fn lines(address: &str, connections: usize) -> Vec<Line> {
    (0..connections).map(|_| Line::new(address)).collect()
}

fn start(client: &Client, lines: &mut [Line], devices: usize) -> Vec<String> {
    let start = client.start();
    let mut codes = Vec::with_capacity(devices);
    while codes.len() < devices {
        let batch = lines.len().min(devices - codes.len());
        lines[..batch].iter_mut().for_each(|line| line.send(&start));
        for line in &mut lines[..batch] {
            codes.push(member(split(line.receive()).expect("whole").1, "deviceCode"));
        }
    }
    codes
}

/// Nanoseconds that all threads of a process have run.
fn processor_time(id: usize) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).expect("the process");
    let of_thread = |thread: std::fs::DirEntry| {
        let said = std::fs::read_to_string(thread.path().join("schedstat")).expect("Linux says it");
        said.split(' ').next().and_then(|time| time.parse::<u64>().ok()).expect("nanoseconds")
    };
    threads.map(|thread| of_thread(thread.expect("a thread"))).sum()
}
