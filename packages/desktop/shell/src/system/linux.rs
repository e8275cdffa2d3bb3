//! What the desktop offers, over D-Bus and GTK. All of it on the main thread, as GTK wants it.
use gtk::gio::{
    self, BusNameWatcherFlags, BusType, Cancellable, DBusCallFlags, DBusConnection, DBusSignalFlags,
};
use gtk::glib::{ToVariant, Variant};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::{env, fs};

pub const OPEN: &str = "xdg-open";
const TRAY: &str = "org.kde.StatusNotifierWatcher";
const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";

fn bus() -> Option<DBusConnection> {
    gio::bus_get_sync(BusType::Session, Cancellable::NONE).ok()
}

/// The library that trays are made with; without it, trying to would end the process.
pub fn can_have_tray() -> bool {
    // SAFETY: the library is only looked for, by the name that tray-icon loads it under.
    unsafe { libloading::Library::new("libayatana-appindicator3.so.1").is_ok() }
}

/// Tells now and whenever it changes whether icons are shown somewhere: GNOME shows none by itself.
pub fn watch_tray(tell: impl Fn(bool) + Send + Sync + Clone + 'static) {
    if !can_have_tray() {
        return;
    }
    let gone = tell.clone();
    let flags = BusNameWatcherFlags::NONE;
    gio::bus_watch_name(BusType::Session, TRAY, flags, move |_, _, _| tell(true), move |_, _| gone(false));
}

/// `done` gets the notification's number, or nothing when there is nobody to show it.
pub fn notify(title: &str, text: &str, done: impl FnOnce(Option<u32>) + 'static) {
    let Some(bus) = bus() else { return done(None) };
    // The text may be markup there.
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let hints = HashMap::from([("desktop-entry", "leapp-app".to_variant())]);
    let actions = ["default", "Open"].as_slice();
    let call = ("Leapp", 0u32, "leapp-app", title, text.as_str(), actions, hints, -1i32).to_variant();
    ask(&bus, "Notify", &call, |answer| done(answer.and_then(|answer| answer.child_value(0).get())));
}

pub fn withdraw(notification: u32) {
    if let Some(bus) = bus() {
        ask(&bus, "CloseNotification", &(notification,).to_variant(), |_| {});
    }
}

/// Runs whenever the person clicks on a notification, with its number.
pub fn on_notification_click(run: impl Fn(u32) + 'static) {
    let Some(bus) = bus() else { return };
    bus.signal_subscribe(
        Some(NOTIFICATIONS),
        Some(NOTIFICATIONS),
        Some("ActionInvoked"),
        Some(NOTIFICATIONS_PATH),
        None,
        DBusSignalFlags::NONE,
        move |_, _, _, _, _, arguments| run(arguments.child_value(0).get().unwrap_or_default()),
    );
}

fn ask(
    bus: &DBusConnection,
    method: &str,
    arguments: &Variant,
    done: impl FnOnce(Option<Variant>) + 'static,
) {
    bus.call(
        Some(NOTIFICATIONS),
        NOTIFICATIONS_PATH,
        NOTIFICATIONS,
        method,
        Some(arguments),
        None,
        DBusCallFlags::NONE,
        5_000,
        Cancellable::NONE,
        |answer| done(answer.ok()),
    );
}

pub fn copy(text: &str) {
    gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD).set_text(text);
}

/// https://specifications.freedesktop.org/autostart-spec/
fn autostart_file() -> Option<PathBuf> {
    let given = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = given.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".config")))?;
    Some(folder.join("autostart/leapp-app.desktop"))
}

pub fn starts_at_login() -> bool {
    autostart_file().is_some_and(|file| file.exists())
}

pub fn start_at_login(wanted: bool) -> io::Result<()> {
    let file = autostart_file().ok_or(io::ErrorKind::NotFound)?;
    if !wanted {
        return fs::remove_file(file).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
    }
    fs::create_dir_all(file.parent().expect("a folder"))?;
    let program = env::current_exe()?;
    let entry = format!(
        "[Desktop Entry]\nType=Application\nName=Leapp\nIcon=leapp-app\nExec={} --login\n",
        exec_word(&program.to_string_lossy()),
    );
    fs::write(file, entry)
}

/// https://specifications.freedesktop.org/desktop-entry-spec/: quoted as a word, then as a string of the file.
fn exec_word(path: &str) -> String {
    let mut word = String::from("\"");
    for letter in path.chars() {
        match letter {
            '"' | '`' | '$' => word.extend(["\\\\", &letter.to_string()]),
            '\\' => word.push_str("\\\\\\\\"),
            '%' => word.push_str("%%"),
            _ => word.push(letter),
        }
    }
    word + "\""
}

#[cfg(test)]
mod tests {
    use super::exec_word;

    #[test]
    fn a_path_stays_one_word() {
        assert_eq!(exec_word("/opt/my apps/leapp-app"), "\"/opt/my apps/leapp-app\"");
        assert_eq!(exec_word("/a%b$c"), "\"/a%%b\\\\$c\"");
    }
}
