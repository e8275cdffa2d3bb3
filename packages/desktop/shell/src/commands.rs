//! The one call that the window has: to the agent, or to the shell itself (`ShellMethods` of contract.ts).
use crate::link::{Failure, failure};
use crate::{Shell, rules, system};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tauri::ipc::Response;
use tauri::{AppHandle, Manager, State};

#[tauri::command]
pub async fn rpc(
    app: AppHandle,
    shell: State<'_, Shell>,
    method: String,
    params: Value,
) -> Result<Response, ()> {
    shell.page_is_ready(&app);
    let answer = if method.starts_with("shell.") {
        run(&app, &shell, &method, &params).await.map(|result| result.to_string())
    } else if rules::may_call(&method, &params) {
        shell.link.call(&method, params).await
    } else {
        Err(failure("refused", "not for a window", ""))
    };
    Ok(Response::new(match answer {
        Ok(result) => format!(r#"{{"result":{result}}}"#),
        Err(error) => json!({ "error": error }).to_string(),
    }))
}

async fn run(app: &AppHandle, shell: &Shell, method: &str, params: &Value) -> Result<Value, Failure> {
    match method {
        "shell.info" => Ok(info(shell)),
        "shell.set" => {
            if let Some(wanted) = params["startHidden"].as_bool() {
                shell.preferences.set([("startHidden", wanted.into())]);
            }
            if let Some(wanted) = params["startAtLogin"].as_bool() {
                system::start_at_login(wanted).map_err(|error| {
                    failure("file", format!("start at login cannot be changed: {error}"), "")
                })?;
            }
            Ok(info(shell))
        }
        "shell.open" => {
            let prompts = shell.link.ask("prompt.list", json!({})).await?;
            let asked: Vec<String> = prompts
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|one| one["url"].as_str().map(str::to_owned))
                .collect();
            let url = params["url"].as_str().unwrap_or_default();
            if !rules::may_open(url, &asked) {
                return Err(failure("refused", "that page is not one of AWS's or of an open question", ""));
            }
            let url = url.to_owned();
            let opened = tauri::async_runtime::spawn_blocking(move || open(&url)).await;
            opened.unwrap_or(false).then_some(Value::Null).ok_or_else(|| {
                failure("not-found", "no browser could be opened", "copy the address and open it yourself")
            })
        }
        "shell.copy-console-url" => {
            let asked = json!({ "session": params["session"] });
            let answer = shell.link.ask("credentials.console-url", asked).await?;
            let url = answer["url"].as_str().unwrap_or_default().to_owned();
            let _ = app.run_on_main_thread(move || system::copy(&url));
            Ok(Value::Null)
        }
        "shell.try-sandbox" => {
            let started = quiet(&mut Command::new(&shell.core)).args(["desktop", "--sandbox"]).spawn();
            started
                .map(|_| Value::Null)
                .map_err(|_| failure("not-found", "the sandbox cannot be started", ""))
        }
        _ => Err(failure("refused", "not for a window", "")),
    }
}

fn info(shell: &Shell) -> Value {
    json!({
        "kind": "native",
        "version": env!("CARGO_PKG_VERSION"),
        // As Node names it, which is what the other shell tells.
        "platform": if cfg!(target_os = "macos") { "darwin" } else { "linux" },
        "startAtLogin": system::starts_at_login(),
        "startHidden": shell.preferences.is("startHidden"),
        "sandbox": true,
    })
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// False when it fails at once; a browser that stays in the foreground is one that has opened.
fn open(url: &str) -> bool {
    let Ok(mut child) = quiet(Command::new(system::OPEN).arg(url)).spawn() else { return false };
    for _ in 0..20 {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => sleep(Duration::from_millis(100)),
            Err(_) => return false,
        }
    }
    std::thread::spawn(move || child.wait());
    true
}

/// The shell as every part of it reaches it.
pub fn shell(app: &AppHandle) -> State<'_, Shell> {
    app.state()
}
