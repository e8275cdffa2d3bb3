//! What the desktop offers, by the programs that every Mac has.
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

pub const OPEN: &str = "open";

pub fn can_have_tray() -> bool {
    true
}

/// There always is a menu bar.
pub fn watch_tray(tell: impl Fn(bool) + Send + Sync + Clone + 'static) {
    tell(true);
}

/// Title and text are arguments of the script, not part of it.
pub fn notify(title: &str, text: &str, done: impl FnOnce(Option<u32>) + 'static) {
    let script = "on run {t, b}\ndisplay notification b with title t\nend run";
    let shown = Command::new("osascript").args(["-e", script, title, text]).stdin(Stdio::null()).spawn();
    done(shown.ok().map(|mut child| {
        std::thread::spawn(move || child.wait());
        0
    }));
}

/// They go by themselves.
pub fn withdraw(_notification: u32) {}

/// A click opens the program that showed it, which is not us.
pub fn on_notification_click(_run: impl Fn(u32) + 'static) {}

pub fn copy(text: &str) {
    let Ok(mut child) = Command::new("pbcopy").stdin(Stdio::piped()).spawn() else { return };
    let _ = child.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let _ = child.wait();
}

fn agent_file() -> Option<PathBuf> {
    Some(PathBuf::from(env::var_os("HOME")?).join("Library/LaunchAgents/org.leapp.desktop.plist"))
}

pub fn starts_at_login() -> bool {
    agent_file().is_some_and(|file| file.exists())
}

pub fn start_at_login(wanted: bool) -> io::Result<()> {
    let file = agent_file().ok_or(io::ErrorKind::NotFound)?;
    if !wanted {
        return fs::remove_file(file).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
    }
    fs::create_dir_all(file.parent().expect("a folder"))?;
    let program = env::current_exe()?.to_string_lossy().replace('&', "&amp;").replace('<', "&lt;");
    let entry = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
  <key>Label</key><string>org.leapp.desktop</string>
  <key>ProgramArguments</key><array><string>{program}</string><string>--login</string></array>
  <key>RunAtLoad</key><true/>
</dict></plist>
"#
    );
    fs::write(file, entry)
}
