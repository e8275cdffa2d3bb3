//! What the shell remembers of itself, in app.json beside the agent's files: size of the window, how to start.
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub struct Preferences {
    file: Option<PathBuf>,
    values: Mutex<Value>,
}

impl Preferences {
    /// Without a folder, nothing is remembered. A file that is damaged is one that says nothing.
    pub fn read(home: Option<&Path>) -> Preferences {
        let file = home.map(|home| home.join("app.json"));
        let text = file.as_ref().and_then(|file| fs::read(file).ok()).unwrap_or_default();
        let values = serde_json::from_slice(&text).ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
        Preferences { file, values: Mutex::new(values) }
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.values.lock().unwrap()[key].as_f64()
    }

    pub fn is(&self, key: &str) -> bool {
        self.values.lock().unwrap()[key] == true
    }

    /// Written beside and renamed, so that a crash leaves the old one or the new one.
    pub fn set(&self, changes: impl IntoIterator<Item = (&'static str, Value)>) {
        let mut values = self.values.lock().unwrap();
        for (key, value) in changes {
            values[key] = value;
        }
        let Some(file) = &self.file else { return };
        let fresh = file.with_extension("json.new");
        if fs::write(&fresh, values.to_string()).is_ok() {
            let _ = fs::rename(&fresh, file);
        }
    }
}
