//! The tray's menu: pinned and active sessions, what waits for the person, open, lock, quit.
use crate::commands::shell;
use crate::system;
use serde_json::{Value, json};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager, Wry};

const ID: &str = "leapp";
/// More than these would be a list to search in, which is what the window is for.
const MAX_SESSIONS: usize = 20;

struct Row {
    id: String,
    name: String,
    active: bool,
    /// Epoch seconds.
    expires: Option<i64>,
}

/// Does nothing where the system has no library for trays.
pub fn create(app: &AppHandle, home: &std::path::Path) -> tauri::Result<()> {
    if !system::can_have_tray() {
        return Ok(());
    }
    let tray = TrayIconBuilder::with_id(ID)
        .icon(tauri::include_image!("icons/tray.png"))
        .tooltip("Leapp")
        // Not below /tmp, where the folder may be another person's.
        .temp_dir_path(home.join("tray"))
        .menu(&menu(app, &[], &Value::Null)?);
    tray.build(app)?;
    Ok(())
}

/// Keeps the menu true. Never returns; each message means that something may have changed.
pub fn run(app: &AppHandle, changes: &Receiver<()>) {
    let mut rows = Vec::new();
    let mut prompts = Value::Null;
    let mut shown = String::new();
    let mut ask = true;
    loop {
        if ask {
            let link = &shell(app).link;
            let sessions = tauri::async_runtime::block_on(link.ask("session.list", json!({})));
            rows = sessions.as_ref().map_or_else(|_| Vec::new(), rows_of);
            if let Ok(sessions) = sessions {
                tell_of_failures(app, &sessions);
            }
            prompts = tauri::async_runtime::block_on(link.ask("prompt.list", json!({}))).unwrap_or_default();
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let entries: Vec<_> = rows.iter().map(|row| entry(row, now)).collect();
        // A menu that is replaced closes under the person's hand.
        let look = format!("{entries:?}{prompts}");
        if look != shown {
            shown = look;
            let (handle, prompts) = (app.clone(), prompts.clone());
            let _ = app.run_on_main_thread(move || {
                let Some(tray) = handle.tray_by_id(ID) else { return };
                let _ = menu(&handle, &entries, &prompts).and_then(|menu| tray.set_menu(Some(menu)));
            });
        }
        ask = match changes.recv_timeout(Duration::from_secs(20)) {
            Ok(()) => {
                // They come in bursts.
                sleep(Duration::from_millis(300));
                while changes.try_recv().is_ok() {}
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A started session whose credential could not be renewed: its tools are about to stop working.
fn tell_of_failures(app: &AppHandle, sessions: &Value) {
    let shell = shell(app);
    for session in sessions.as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = text(&session["id"]);
        if session["status"] == "active" && session["problem"].is_object() {
            let title = format!("{} cannot be renewed", text(&session["name"]));
            shell.announce(app, id, title, text(&session["problem"]["message"]), false);
        } else {
            shell.withdraw(app, |known| known == id);
        }
    }
}

/// What a click on an entry does.
pub fn clicked(app: &AppHandle, id: &str) {
    let (verb, subject) = id.split_once(' ').unwrap_or((id, ""));
    let (method, params) = match verb {
        "open" => return shell(app).show(app, None),
        "quit" => return shell(app).quit(app),
        "lock" => ("vault.lock", json!({})),
        "start" => ("session.start", json!({ "session": subject })),
        "stop" => ("session.stop", json!({ "session": subject })),
        _ => return,
    };
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if let Err(why) = app.state::<crate::Shell>().link.call(method, params).await {
            let text = why["message"].as_str().unwrap_or_default().to_owned();
            let _ = app.run_on_main_thread(move || system::notify("Leapp", &text, |_| {}));
        }
    });
}

fn menu(app: &AppHandle, entries: &[(String, String)], prompts: &Value) -> tauri::Result<Menu<Wry>> {
    let item = |id: &str, text: &str| MenuItem::with_id(app, id, text.replace('&', "&&"), true, None::<&str>);
    let line = || PredefinedMenuItem::separator(app);
    let menu = Menu::new(app)?;
    for prompt in prompts.as_array().into_iter().flatten() {
        menu.append(&item("open", &crate::prompt_title(prompt))?)?;
    }
    if !menu.items()?.is_empty() {
        menu.append(&line()?)?;
    }
    for (id, text) in entries {
        menu.append(&item(id, text)?)?;
    }
    if !entries.is_empty() {
        menu.append(&line()?)?;
    }
    menu.append(&item("open", "Open Leapp")?)?;
    menu.append(&item("lock", "Lock vault")?)?;
    menu.append(&item("quit", "Quit")?)?;
    Ok(menu)
}

/// Active ones first, each group by name.
fn rows_of(sessions: &Value) -> Vec<Row> {
    let mut rows: Vec<Row> = sessions
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["status"] != "inactive" || one["pinned"] == true)
        .map(|one| Row {
            id: one["id"].as_str().unwrap_or_default().to_owned(),
            name: one["name"].as_str().unwrap_or_default().to_owned(),
            active: one["status"] != "inactive",
            expires: one["expiresAt"].as_str().and_then(epoch_seconds),
        })
        .collect();
    rows.sort_by(|a, b| (!a.active, a.name.to_lowercase()).cmp(&(!b.active, b.name.to_lowercase())));
    rows.truncate(MAX_SESSIONS);
    rows
}

/// What the click does, and what the entry says.
fn entry(row: &Row, now: i64) -> (String, String) {
    let Row { id, name, .. } = row;
    if !row.active {
        return (format!("start {id}"), format!("Start {name}"));
    }
    let left = row.expires.map_or(String::new(), |expires| format!(" · {}", time_left(expires - now)));
    (format!("stop {id}"), format!("Stop {name}{left}"))
}

/// In the words of the window (ui/data/time.ts).
fn time_left(seconds: i64) -> String {
    let minutes = (seconds + 30) / 60;
    match (minutes / 60, minutes % 60) {
        (..=0, ..1) => "under 1 min left".to_owned(),
        (0, minutes) => format!("{minutes} min left"),
        (48.., _) => format!("{} days left", minutes / 1_440),
        (hours, 0) => format!("{hours} h left"),
        (hours, minutes) => format!("{hours} h {minutes} min left"),
    }
}

/// `2026-11-22T20:00:00.000Z`, as the agent writes every time.
fn epoch_seconds(timestamp: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| timestamp.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // Days of the proleptic Gregorian calendar, years beginning in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(epoch_seconds("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(epoch_seconds("2000-02-29T23:59:59.000Z"), Some(951_868_799));
        assert_eq!(epoch_seconds("2026-11-22T20:00:00.000Z"), Some(1_795_377_600));
        assert_eq!(epoch_seconds("soon"), None);
    }

    #[test]
    fn active_sessions_come_first_and_say_how_long() {
        let rows = rows_of(&json!([
            { "id": "1", "name": "zeta", "status": "active", "expiresAt": "1970-01-01T00:43:00.000Z" },
            { "id": "2", "name": "alpha", "status": "inactive", "pinned": true },
            { "id": "3", "name": "beta", "status": "inactive" },
        ]));
        let entries: Vec<_> = rows.iter().map(|row| entry(row, 0)).collect();
        let expected = [("stop 1", "Stop zeta · 43 min left"), ("start 2", "Start alpha")];
        assert_eq!(entries, expected.map(|(id, text)| (id.to_owned(), text.to_owned())));
    }
}
