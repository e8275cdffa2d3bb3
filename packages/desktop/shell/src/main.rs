//! Leapp's window, tray and notifications. Everything else is the agent's: the shell passes calls and events on
//! between its page and the agent's socket, and holds no secret.
mod commands;
mod instance;
mod link;
mod preferences;
mod rules;
#[cfg_attr(target_os = "linux", path = "system/linux.rs")]
#[cfg_attr(target_os = "macos", path = "system/macos.rs")]
mod system;
mod tray;

use instance::Claim;
use link::Link;
use preferences::Preferences;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::env;
use std::panic;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Emitter, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};

const WINDOW: &str = "main";

pub struct Shell {
    /// The sidecar, beside us.
    core: PathBuf,
    link: Link,
    preferences: Preferences,
    /// Tells the tray that something may have changed.
    changes: Mutex<Sender<()>>,
    /// Somebody shows our icon, so that a hidden window can be found again.
    tray_shown: AtomicBool,
    /// In the tray only, because the person wants that.
    hidden: AtomicBool,
    close_quits: bool,
    page_ready: AtomicBool,
    /// View that was asked for before there was a page to show it.
    view: Mutex<Option<String>>,
    /// Number of the system notification of each open prompt and each session that cannot be renewed, by its id;
    /// 0 until the system has told it.
    notifications: Mutex<HashMap<String, u32>>,
}

#[derive(Default)]
struct Arguments {
    hidden: bool,
    /// Started by the system: hidden if the person wants that.
    login: bool,
    close_quits: bool,
    view: Option<&'static str>,
}

fn main() {
    // Without its thread for the agent or for the tray it would only look alive.
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        report(what);
        process::abort();
    }));
    let mut given = Arguments::default();
    for argument in env::args().skip(1) {
        match argument.as_str() {
            "--version" => return println!("{}", env!("CARGO_PKG_VERSION")),
            "--hidden" => given.hidden = true,
            "--login" => given.login = true,
            "--close-quits" => given.close_quits = true,
            // Anything else that a web page could have made somebody click on shows the window, no more.
            link => given.view = rules::view_of(link),
        }
    }
    if !cfg!(feature = "automation") {
        for variable in [
            "TAURI_AUTOMATION",
            "TAURI_WEBVIEW_AUTOMATION",
            "WEBKIT_INSPECTOR_SERVER",
            "WEBKIT_INSPECTOR_HTTP_SERVER",
        ] {
            // SAFETY: there is no other thread yet.
            unsafe { env::remove_var(variable) };
        }
    }
    let core = match env::current_exe() {
        Ok(program) => program.with_file_name("leapp-core"),
        Err(error) => return eprintln!("leapp-app: it does not know where it is: {error}"),
    };
    let agent = link::ensure_agent(&core);
    let home = agent.as_ref().ok().map(|agent| agent.home.clone());
    let claim = match &agent {
        Ok(agent) => instance::claim(&agent.socket, given.view),
        Err(_) => Claim::Unknown,
    };
    if matches!(claim, Claim::Taken) {
        return;
    }
    let preferences = Preferences::read(home.as_deref());
    let hidden = given.hidden || given.login && preferences.is("startHidden");
    let (change, changes) = channel();
    let shell = Shell {
        link: Link::new(core.clone()),
        core,
        preferences,
        changes: Mutex::new(change),
        tray_shown: AtomicBool::new(false),
        hidden: AtomicBool::new(hidden),
        close_quits: given.close_quits,
        page_ready: AtomicBool::new(false),
        view: Mutex::new(given.view.map(str::to_owned)),
        notifications: Mutex::default(),
    };
    tauri::Builder::default()
        .manage(shell)
        .invoke_handler(tauri::generate_handler![commands::rpc])
        .on_menu_event(|app, event| tray::clicked(app, event.id().as_ref()))
        .setup(move |app| {
            let app = app.handle();
            open_window(app, home.as_deref())?;
            if let Some(home) = &home {
                tray::create(app, home)?;
            }
            listen(app);
            let handle = app.clone();
            thread::spawn(move || tray::run(&handle, &changes));
            let handle = app.clone();
            thread::spawn(move || handle.state::<Shell>().link.run(agent, |event| heard(&handle, event)));
            if let Claim::Ours { door, lock } = claim {
                let handle = app.clone();
                thread::spawn(move || {
                    let _held = lock;
                    instance::answer(&door, |view| later_start(&handle, view));
                });
            }
            Ok(())
        })
        .on_window_event(|window, event| {
            let WindowEvent::CloseRequested { api, .. } = event else { return };
            let app = window.app_handle();
            let shell = commands::shell(app);
            shell.remember_size(app);
            if shell.tray_shown.load(Ordering::Relaxed) && !shell.close_quits {
                api.prevent_close();
                shell.hidden.store(true, Ordering::Relaxed);
                let _ = window.hide();
            }
        })
        .build(tauri::generate_context!())
        .expect("a window system")
        .run(|_app, _event| {
            // Elsewhere links come as an argument, and there is no dock.
            #[cfg(target_os = "macos")]
            match _event {
                tauri::RunEvent::Opened { urls } => {
                    let view = urls.iter().find_map(|url| rules::view_of(url.as_str()));
                    commands::shell(_app).show(_app, view.map(str::to_owned));
                }
                tauri::RunEvent::Reopen { .. } => commands::shell(_app).show(_app, None),
                _ => {}
            }
        });
}

fn open_window(app: &AppHandle, home: Option<&Path>) -> tauri::Result<WebviewWindow> {
    let preferences = &app.state::<Shell>().inner().preferences;
    let size =
        |key, least: f64, default| preferences.number(key).filter(|size| *size >= least).unwrap_or(default);
    let mut window = WebviewWindowBuilder::new(app, WINDOW, WebviewUrl::default())
        .title("Leapp")
        .icon(app.default_window_icon().expect("in tauri.conf.json").clone())?
        .inner_size(size("width", 900.0, 1280.0), size("height", 600.0, 800.0))
        .min_inner_size(900.0, 600.0)
        .maximized(preferences.is("maximized"))
        // Shown when there is something to see.
        .visible(false)
        .on_page_load(|window, payload| {
            let shell = window.state::<Shell>();
            if payload.event() == PageLoadEvent::Finished && !shell.hidden.load(Ordering::Relaxed) {
                let _ = window.show();
            }
        })
        .devtools(false)
        // Nothing of it stays on the disk. A WebDriver knows only how to steer one that does.
        .incognito(!cfg!(feature = "automation"))
        .on_navigation(rules::is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false);
    if let Some(home) = home {
        window = window.data_directory(home.join("webview"));
    }
    window.build()
}

/// What the desktop tells.
fn listen(app: &AppHandle) {
    let handle = app.clone();
    system::watch_tray(move |shown| {
        let shell = commands::shell(&handle);
        shell.tray_shown.store(shown, Ordering::Relaxed);
        // A hidden window without an icon could not be found again.
        if !shown && shell.hidden.swap(false, Ordering::Relaxed) {
            shell.minimize(&handle);
        }
    });
    let handle = app.clone();
    system::on_notification_click(move |number| {
        let shell = commands::shell(&handle);
        if shell.notifications.lock().unwrap().values().any(|one| *one == number) {
            shell.show(&handle, None);
        }
    });
}

/// What the agent tells; on the link's thread.
fn heard(app: &AppHandle, event: Value) {
    let _ = app.emit_to(WINDOW, "agent", &event);
    let shell = commands::shell(app);
    let data = &event["data"];
    let sessions = data.as_array().is_some_and(|topics| topics.iter().any(|topic| topic == "sessions"));
    if sessions || event["event"] != "changed" && event["event"] != "sync-progress" {
        let _ = shell.changes.lock().unwrap().send(());
    }
    let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
    match event["event"].as_str() {
        Some("prompt") => shell.announce(app, text("id"), prompt_title(data), text("message"), true),
        Some("prompt-closed") => shell.withdraw(app, |id| id == text("id")),
        // An agent that is gone waits for nobody.
        Some("connection") if data == "lost" => shell.withdraw(app, |_| true),
        _ => {}
    }
}

/// In the words of the window (ui/screens/prompts/prompts.tsx).
fn prompt_title(prompt: &Value) -> String {
    let title = match prompt["kind"].as_str() {
        Some("mfa") => "MFA code",
        Some("passphrase") => return "Passphrase of the vault".to_owned(),
        Some("confirm") => "Allow this?",
        _ => "Sign in",
    };
    match prompt["sessionName"].as_str() {
        Some(session) => format!("{title} for {session}"),
        None => title.to_owned(),
    }
}

fn later_start(app: &AppHandle, view: Option<String>) {
    let handle = app.clone();
    let _ = app.run_on_main_thread(move || commands::shell(&handle).show(&handle, view));
}

impl Shell {
    /// Brings the window to the front, on a view if one is named.
    fn show(&self, app: &AppHandle, view: Option<String>) {
        self.hidden.store(false, Ordering::Relaxed);
        if let Some(window) = app.get_webview_window(WINDOW) {
            let _ = window.show();
            let _ = window.unminimize();
            let _ = window.set_focus();
        }
        if view.is_some() {
            *self.view.lock().unwrap() = view;
            self.tell_view(app);
        }
    }

    /// The page listens before it calls.
    fn page_is_ready(&self, app: &AppHandle) {
        if !self.page_ready.swap(true, Ordering::Relaxed) {
            self.tell_view(app);
        }
    }

    fn tell_view(&self, app: &AppHandle) {
        if !self.page_ready.load(Ordering::Relaxed) {
            return;
        }
        if let Some(view) = self.view.lock().unwrap().take() {
            let _ = app.emit_to(WINDOW, "agent", json!({ "event": "view", "data": view }));
        }
    }

    /// Tells the person who does not see the window, once for each `id`. What needs an answer shows the window
    /// where nobody shows notifications.
    fn announce(&self, app: &AppHandle, id: String, title: String, text: String, needs_answer: bool) {
        if self.is_visible(app) || self.notifications.lock().unwrap().contains_key(&id) {
            return;
        }
        self.notifications.lock().unwrap().insert(id.clone(), 0);
        let app = app.clone();
        tauri::async_runtime::spawn(async move {
            let settings = commands::shell(&app).link.ask("settings.list", json!({})).await;
            if settings.unwrap_or_default()["notifications"] == false {
                return;
            }
            let handle = app.clone();
            let _ = app.run_on_main_thread(move || {
                system::notify(&title, &text, move |number| {
                    let shell = commands::shell(&handle);
                    match (number, shell.notifications.lock().unwrap().get_mut(&id)) {
                        (Some(number), Some(known)) => *known = number,
                        // Answered meanwhile.
                        (Some(number), None) => system::withdraw(number),
                        (None, _) => {}
                    }
                    if number.is_none() && needs_answer {
                        shell.show(&handle, None);
                    }
                });
            });
        });
    }

    fn withdraw(&self, app: &AppHandle, which: impl Fn(&str) -> bool) {
        for (_, number) in self.notifications.lock().unwrap().extract_if(|id, _| which(id)) {
            let _ = app.run_on_main_thread(move || system::withdraw(number));
        }
    }

    fn is_visible(&self, app: &AppHandle) -> bool {
        app.get_webview_window(WINDOW).is_some_and(|window| {
            window.is_visible().unwrap_or(true) && !window.is_minimized().unwrap_or(false)
        })
    }

    fn minimize(&self, app: &AppHandle) {
        if let Some(window) = app.get_webview_window(WINDOW) {
            let _ = window.minimize();
            let _ = window.show();
        }
    }

    fn remember_size(&self, app: &AppHandle) {
        let Some(window) = app.get_webview_window(WINDOW) else { return };
        let maximized = window.is_maximized().unwrap_or(false);
        self.preferences.set([("maximized", maximized.into())]);
        if let (false, Ok(size), Ok(scale)) = (maximized, window.inner_size(), window.scale_factor()) {
            let size = size.to_logical::<f64>(scale);
            self.preferences.set([("width", size.width.into()), ("height", size.height.into())]);
        }
    }

    fn quit(&self, app: &AppHandle) {
        self.remember_size(app);
        app.exit(0);
    }
}
