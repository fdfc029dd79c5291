//! turmoil: hosts on tokio's own scheduler and clock, in steps of a millisecond. It speaks the lines of ../serve.ts.
use std::cell::Cell;
use std::future::Future;
use std::io::{self, BufRead, Write};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use turmoil::{net, Builder, Sim};

const PORT: u16 = 80;
const MESSAGE_BYTES: usize = 64;

/// Of the process, in milliseconds.
fn cpu_time() -> f64 {
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanoseconds: i64,
    }
    extern "C" {
        fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    }
    const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: it only writes the structure that it is given.
    unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.seconds as f64 * 1e3 + time.nanoseconds as f64 / 1e6
}

fn build() -> Sim<'static> {
    Builder::new()
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(2))
        .simulation_duration(Duration::from_secs(100_000))
        .build()
}

/// A client whose outcome is added to a sum.
fn client<F>(sim: &mut Sim<'static>, name: String, sum: &Rc<Cell<u64>>, program: F)
where
    F: Future<Output = Result<u64, Box<dyn std::error::Error>>> + 'static,
{
    let sum = sum.clone();
    sim.client(name, async move {
        let outcome = program.await?;
        sum.set(sum.get() + outcome);
        Ok(())
    });
}

fn add_server(sim: &mut Sim<'static>) {
    sim.host("server", || async {
        let listener = net::TcpListener::bind(("0.0.0.0", PORT)).await?;
        loop {
            let (mut socket, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut message = [0u8; MESSAGE_BYTES];
                while let Ok(size) = socket.read(&mut message).await {
                    if size == 0 || socket.write_all(&message[..size]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
}

fn messages(count: u64, pairs: u64) -> u64 {
    let mut sim = build();
    let sum = Rc::new(Cell::new(0));
    add_server(&mut sim);
    for number in 0..pairs {
        client(&mut sim, format!("client{number}"), &sum, async move {
            let mut socket = net::TcpStream::connect(("server", PORT)).await?;
            let mut message = [0u8; MESSAGE_BYTES];
            let mut received = 0;
            while received < count / 2 / pairs {
                socket.write_all(&message).await?;
                socket.read_exact(&mut message).await?;
                received += 1;
            }
            Ok(received)
        });
    }
    sim.run().unwrap();
    2 * sum.get()
}

fn datagrams(count: u64) -> u64 {
    let mut sim = build();
    let sum = Rc::new(Cell::new(0));
    sim.host("server", || async {
        let socket = net::UdpSocket::bind(("0.0.0.0", PORT)).await?;
        let mut message = [0u8; MESSAGE_BYTES];
        loop {
            let (size, from) = socket.recv_from(&mut message).await?;
            socket.send_to(&message[..size], from).await?;
        }
    });
    client(&mut sim, "client".into(), &sum, async move {
        let socket = net::UdpSocket::bind(("0.0.0.0", 0)).await?;
        sleep(Duration::from_millis(10)).await;
        let mut message = [0u8; MESSAGE_BYTES];
        let mut received = 0;
        while received < count / 2 {
            socket.send_to(&message, ("server", PORT)).await?;
            socket.recv_from(&mut message).await?;
            received += 1;
        }
        Ok(received)
    });
    sim.run().unwrap();
    2 * sum.get()
}

fn timers(count: u64, sleepers: u64, delay: fn(u64, u64) -> u64) -> u64 {
    let mut sim = build();
    let sum = Rc::new(Cell::new(0));
    client(&mut sim, "client".into(), &sum, async move {
        let tasks: Vec<_> = (0..sleepers)
            .map(|sleeper| {
                tokio::spawn(async move {
                    let mut slept = 0;
                    while slept < count / sleepers {
                        sleep(Duration::from_millis(delay(sleeper, slept))).await;
                        slept += 1;
                    }
                    slept
                })
            })
            .collect();
        let mut all = 0;
        for task in tasks {
            all += task.await?;
        }
        Ok(all)
    });
    sim.run().unwrap();
    sum.get()
}

fn delay_of(sleeper: u64, time: u64) -> u64 {
    1 + (sleeper + time) % 10
}

fn long_delay_of(sleeper: u64, time: u64) -> u64 {
    1 + (sleeper * 7 + time) % 1_000
}

fn simulations(count: u64, hosts: u64) -> u64 {
    let sum = Rc::new(Cell::new(0));
    for _ in 0..count {
        let mut sim = build();
        for number in 0..hosts {
            client(&mut sim, format!("host{number}"), &sum, async { Ok(1) });
        }
        sim.run().unwrap();
    }
    sum.get() / hosts
}

fn retries(count: u64) -> u64 {
    let sum = Rc::new(Cell::new(0));
    for _ in 0..count {
        let mut sim = build();
        add_server(&mut sim);
        client(&mut sim, "client".into(), &sum, async {
            let mut wait = Duration::from_millis(1_000);
            loop {
                let connecting = net::TcpStream::connect(("server", PORT));
                if let Ok(Ok(_)) = timeout(Duration::from_millis(5_000), connecting).await {
                    return Ok(1);
                }
                sleep(wait).await;
                wait = (2 * wait).min(Duration::from_millis(60_000));
            }
        });
        sim.partition("server", "client");
        while sim.elapsed() < Duration::from_secs(40 * 60) {
            sim.step().unwrap();
        }
        sim.repair("server", "client");
        sim.run().unwrap();
    }
    sum.get()
}

fn work(name: &str, count: u64) -> u64 {
    match name {
        "one pair" => messages(count, 1),
        "50 pairs" => messages(count, 50),
        "datagrams" => datagrams(count),
        "one timer" => timers(count, 1, delay_of),
        "100 timers" => timers(count, 100, delay_of),
        "10,000 timers" => timers(count, 10_000, long_delay_of),
        "3 hosts" => simulations(count, 3),
        "40 minutes of retries" => retries(count),
        _ => panic!("Cannot do {name}: this peer has not said so"),
    }
}

/// What follows `"key":` up to the end of the value, of a line that nobody but the benchmark writes.
fn field<'a>(line: &'a str, key: &str) -> &'a str {
    let start = line.find(key).expect("a field of the request") + key.len();
    let rest = line[start..].trim_start_matches(['"', ':']);
    rest.split(['"', '}']).next().unwrap_or("")
}

fn main() {
    println!(
        r#"{{"version":"turmoil 0.6.4","cases":["one pair","50 pairs","datagrams","one timer","100 timers","10,000 timers","3 hosts","40 minutes of retries"]}}"#
    );
    for line in io::stdin().lock().lines() {
        let line = line.expect("a request");
        let count = field(&line, "\"count\"").parse().expect("a count");
        let start = cpu_time();
        let sum = work(field(&line, "\"case\""), count);
        println!(r#"{{"cpuMilliseconds":{},"sum":{sum}}}"#, cpu_time() - start);
        io::stdout().flush().expect("somebody who listens");
    }
}
