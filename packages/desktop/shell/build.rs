fn main() {
    // scripts/build-app.mjs: the pages that are embedded have changed.
    println!("cargo:rerun-if-env-changed=LEAPP_PAGES");
    // Only what is named here exists for the window, and only where capabilities/ says so.
    let commands = tauri_build::AppManifest::new().commands(&["rpc"]);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands)).expect("tauri.conf.json");
}
