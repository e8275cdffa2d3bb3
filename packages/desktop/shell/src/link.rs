//! The one connection to the agent (packages/agent/src/protocol.ts); it comes back when the agent restarts.
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;
use tauri::async_runtime::{Sender, channel};

/// Milliseconds between attempts, the last one repeated.
const PAUSES: [u64; 4] = [100, 300, 1_000, 2_000];
/// Answers are lists of 10,000 sessions at the most.
const MAX_LINE: u64 = 64 * 1024 * 1024;
/// Variables that lead to the person's desktop, where the agent may have to open a browser.
const DESKTOP: [&str; 6] =
    ["DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "BROWSER"];

/// `{code, message, hint}`, as the agent says it.
pub type Failure = Value;
/// The result as JSON text: a list of 10,000 sessions goes through without being taken apart.
type Answer = Result<String, Failure>;

pub fn failure(code: &str, message: impl Into<String>, hint: &str) -> Failure {
    json!({ "code": code, "message": message.into(), "hint": hint })
}

/// Where a running agent is.
pub struct Agent {
    pub home: PathBuf,
    pub socket: PathBuf,
}

/// Has the sidecar find the agent, start it where none runs and replace it where it is an older one.
pub fn ensure_agent(core: &Path) -> Result<Agent, Failure> {
    let unavailable = |why: String| failure("agent-unavailable", why, "run: leapp agent start");
    let done = Command::new(core)
        .args(["agent", "start", "--json"])
        .stdin(Stdio::null())
        .output()
        .map_err(|_| unavailable(format!("cannot run {}", core.display())))?;
    let said: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
    match (said["home"].as_str(), said["socket"].as_str()) {
        (Some(home), Some(socket)) => Ok(Agent { home: home.into(), socket: socket.into() }),
        _ => {
            let why = String::from_utf8_lossy(&done.stderr);
            let line = why.trim().lines().last().unwrap_or("the agent does not start");
            Err(unavailable(line.trim_start_matches("leapp: ").to_owned()))
        }
    }
}

pub struct Link {
    core: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stream: Option<UnixStream>,
    next: u64,
    waiting: HashMap<u64, Waiting>,
}

struct Waiting {
    answer: Sender<Answer>,
    /// Kept until there is a connection to send it on.
    unsent: Option<String>,
}

impl Link {
    pub fn new(core: PathBuf) -> Link {
        Link { core, state: Mutex::default() }
    }

    /// Waits for a connection that is being made anew.
    pub async fn call(&self, method: &str, params: Value) -> Answer {
        let (answer, mut answered) = channel(1);
        {
            let mut state = self.state.lock().unwrap();
            state.next += 1;
            let id = state.next;
            let line = format!("{}\n", json!({ "id": id, "method": method, "params": params }));
            let unsent = match &mut state.stream {
                // A connection that just broke is noticed by its reader, which then answers for it.
                Some(stream) => stream.write_all(line.as_bytes()).map_or(None, |()| None),
                None => Some(line),
            };
            state.waiting.insert(id, Waiting { answer, unsent });
        }
        answered.recv().await.unwrap_or_else(|| Err(failure("agent-unavailable", "the app is ending", "")))
    }

    /// The same, for what the shell itself wants to know.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, Failure> {
        Ok(serde_json::from_str(&self.call(method, params).await?).unwrap_or_default())
    }

    /// Never returns. `tell` hears the agent's events, and `connection` after the first time.
    pub fn run(&self, mut found: Result<Agent, Failure>, tell: impl Fn(Value)) {
        let mut attempt = 0;
        let mut lost = false;
        loop {
            match found.and_then(|agent| self.attach(&agent.socket, &tell)) {
                Ok(reader) => {
                    attempt = 0;
                    if lost {
                        tell(json!({ "event": "connection", "data": "open" }));
                    }
                    self.read(reader, &tell);
                    self.state.lock().unwrap().stream = None;
                    tell(json!({ "event": "connection", "data": "lost" }));
                    let why = failure("agent-unavailable", "the agent ended the connection", "try again");
                    self.fail(&why, |one| one.unsent.is_none());
                    lost = true;
                }
                Err(why) => self.fail(&why, |_| true),
            }
            sleep(Duration::from_millis(PAUSES[attempt.min(PAUSES.len() - 1)]));
            attempt += 1;
            found = ensure_agent(&self.core);
        }
    }

    fn attach(&self, socket: &Path, tell: impl Fn(Value)) -> Result<BufReader<UnixStream>, Failure> {
        let broken = |_| failure("agent-unavailable", "the agent does not answer", "run: leapp agent log");
        let mut stream = UnixStream::connect(socket).map_err(broken)?;
        let mut reader = BufReader::new(stream.try_clone().map_err(broken)?);
        let hello = json!({ "id": 0, "method": "hello", "params": hello() });
        writeln!(stream, "{hello}").map_err(broken)?;
        // Questions that are open already come before the answer.
        let answer = loop {
            let mut line = String::new();
            (&mut reader).take(MAX_LINE).read_line(&mut line).map_err(broken)?;
            match serde_json::from_str::<Value>(&line) {
                Ok(message) if message.get("event").is_some() => tell(message),
                other => break other.unwrap_or_default(),
            }
        };
        if answer["result"].is_null() {
            return Err(answer.get("error").cloned().unwrap_or_else(|| {
                failure("agent-unavailable", "the agent speaks another protocol", "run: leapp agent stop")
            }));
        }
        // Nobody waits for the answer to 0.
        writeln!(stream, "{}", json!({ "id": 0, "method": "subscribe", "params": {} })).map_err(broken)?;
        let mut state = self.state.lock().unwrap();
        for line in state.waiting.values_mut().filter_map(|one| one.unsent.take()) {
            stream.write_all(line.as_bytes()).map_err(broken)?;
        }
        state.stream = Some(stream);
        Ok(reader)
    }

    /// Returns when the agent goes away.
    fn read(&self, mut reader: BufReader<UnixStream>, tell: impl Fn(Value)) {
        let mut line = Vec::new();
        loop {
            line.clear();
            let size = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).unwrap_or(0);
            let Ok(message) = serde_json::from_slice::<HashMap<String, &RawValue>>(&line[..size]) else {
                return;
            };
            let part = |name| message.get(name).map(|part| part.get());
            if message.contains_key("event") {
                tell(serde_json::from_slice(&line[..size]).unwrap_or_default());
                continue;
            }
            let id = part("id").and_then(|id| id.parse().ok()).unwrap_or_default();
            if let Some(waiting) = self.state.lock().unwrap().waiting.remove(&id) {
                let _ = waiting.answer.try_send(match part("error") {
                    Some(error) => Err(serde_json::from_str(error).unwrap_or_default()),
                    None => Ok(part("result").unwrap_or("null").to_owned()),
                });
            }
        }
    }

    fn fail(&self, why: &Failure, who: impl Fn(&Waiting) -> bool) {
        for (_, waiting) in self.state.lock().unwrap().waiting.extract_if(|_, one| who(one)) {
            let _ = waiting.answer.try_send(Err(why.clone()));
        }
    }
}

fn hello() -> Value {
    let given = |name: &&str| {
        env::var(name).ok().filter(|value| !value.is_empty()).map(|value| (name.to_string(), value.into()))
    };
    let desktop: Map<String, Value> = DESKTOP.iter().filter_map(given).collect();
    let mut hello = json!({
        "protocol": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "client": "app",
        "interactive": true,
        "desktop": desktop,
    });
    // The agent's own unless this environment names others.
    if env::var_os("AWS_CONFIG_FILE").is_some() || env::var_os("AWS_SHARED_CREDENTIALS_FILE").is_some() {
        hello["files"] = json!({
            "config": aws_file("AWS_CONFIG_FILE", "config"),
            "credentials": aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        });
    }
    hello
}

fn aws_file(variable: &str, name: &str) -> PathBuf {
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    match env::var(variable).unwrap_or_default().as_str() {
        "" => home.join(".aws").join(name),
        given => match given.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => env::current_dir().unwrap_or_default().join(given),
        },
    }
}
