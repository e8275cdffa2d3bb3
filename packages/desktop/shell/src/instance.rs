//! One app per workspace: a second start hands what it was asked for to the first and ends.
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

pub enum Claim {
    /// We are the one. The lock goes with the process.
    Ours { door: UnixListener, lock: File },
    /// Another one has taken the message.
    Taken,
    /// The folder cannot be written: then there are as many windows as starts.
    Unknown,
}

/// `socket` is the agent's, whose folder only this person can write in.
pub fn claim(socket: &Path, view: Option<&str>) -> Claim {
    let path = socket.with_extension("app");
    let Ok(lock) = File::create(socket.with_extension("app.lock")) else { return Claim::Unknown };
    // The other one may be on its way up or down.
    for _ in 0..50 {
        if lock.try_lock().is_ok() {
            let _ = fs::remove_file(&path);
            return UnixListener::bind(&path).map_or(Claim::Unknown, |door| Claim::Ours { door, lock });
        }
        let message = json!({ "view": view });
        if UnixStream::connect(&path).is_ok_and(|mut other| writeln!(other, "{message}").is_ok()) {
            return Claim::Taken;
        }
        sleep(Duration::from_millis(40));
    }
    Claim::Unknown
}

/// Calls `show` with the view that each later start asks for.
pub fn answer(door: &UnixListener, show: impl Fn(Option<String>)) {
    for stream in door.incoming().flatten() {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let mut line = String::new();
        let read = BufReader::new(stream.take(4_096)).read_line(&mut line);
        if let (Ok(1..), Ok(message)) = (read, serde_json::from_str::<Value>(&line)) {
            show(message["view"].as_str().map(str::to_owned));
        }
    }
}
