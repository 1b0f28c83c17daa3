//! Load on one thread: a request on every connection, then an answer from every connection, so that the server always has a
//! batch to work on and is what limits the rate.

use std::time::{Duration, Instant};

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

/// What is polled, and how.
pub struct Load<'a> {
    pub address: &'a str,
    /// The server's process.
    pub id: u32,
    pub connections: usize,
    pub span: Span,
    pub devices: usize,
}

/// When it is enough; a round on all connections is finished first.
#[derive(Clone, Copy)]
pub enum Span {
    Time(Duration),
    Answers(u64),
}

impl Span {
    /// `2s`, or a number of answers.
    pub fn read(text: &str) -> Option<Self> {
        match text.strip_suffix('s') {
            Some(seconds) => seconds.parse().ok().map(Duration::from_secs).map(Self::Time),
            None => text.parse().ok().map(Self::Answers),
        }
    }

    fn is_over(self, begun: Instant, answers: u64) -> bool {
        match self {
            Self::Time(time) => begun.elapsed() >= time,
            Self::Answers(enough) => answers >= enough,
        }
    }
}

impl Load<'_> {
    fn lines(&self) -> Vec<Line> {
        (0..self.connections).map(|_| Line::new(self.address)).collect()
    }

    /// Starts the devices, then polls them. The server's microseconds for each answer.
    pub fn polls(&self) -> f64 {
        let mut lines = self.lines();
        let client = Client::register(&mut lines[0]);
        let start = client.start();
        let mut codes = Vec::with_capacity(self.devices);
        while codes.len() < self.devices {
            let batch = self.connections.min(self.devices - codes.len());
            lines[..batch].iter_mut().for_each(|line| line.send(&start));
            for line in &mut lines[..batch] {
                codes.push(member(split(line.receive()).expect("whole").1, "deviceCode"));
            }
        }
        // A request is written into the same bytes each time: codes are all of one length.
        let mut poll = client.poll(&codes[0]);
        let place = poll.len() - codes[0].len() - "\"}".len();
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        self.rounds(&mut lines, |line| {
            let code = &codes[random.below(codes.len())];
            poll[place..place + code.len()].copy_from_slice(code.as_bytes());
            line.send(&poll);
        })
    }

    /// The same size of request, to who does not look at it.
    pub fn blind_polls(&self) -> f64 {
        let client = Client { id: "i".repeat(32), secret: "s".repeat(65) };
        let poll = client.poll(&"d".repeat(87));
        self.rounds(&mut self.lines(), |line| line.send(&poll))
    }

    fn rounds(&self, lines: &mut [Line], mut send: impl FnMut(&mut Line)) -> f64 {
        let (begun, mut answers) = (Instant::now(), 0_u64);
        let before = processor_time(self.id);
        while !self.span.is_over(begun, answers) {
            lines.iter_mut().for_each(&mut send);
            for line in lines.iter_mut() {
                let answer = line.receive();
                if answers % 1024 == 0 {
                    must_be_pending(answer);
                }
                answers += 1;
            }
        }
        let took = processor_time(self.id) - before;
        took as f64 / 1000.0 / answers as f64
    }
}

/// Nanoseconds that all threads of a process have run.
fn processor_time(id: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).expect("the process");
    let of_thread = |thread: std::fs::DirEntry| {
        let said = std::fs::read_to_string(thread.path().join("schedstat")).expect("Linux says it");
        said.split(' ').next().and_then(|time| time.parse::<u64>().ok()).expect("nanoseconds")
    };
    threads.map(|thread| of_thread(thread.expect("a thread"))).sum()
}

/// Enough to visit devices in no order (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
