cask "leapp" do
  version "VERSION"
  sha256 "SUM_DMG"

  url "https://github.com/REPOSITORY/releases/download/v#{version}/leapp-v#{version}.dmg"
  name "Leapp"
  desc "AWS credentials for every tool on your machine, on the fly, never in a file"
  homepage "https://github.com/REPOSITORY"

  depends_on arch: :arm64
  app "Leapp.app"
  binary "#{appdir}/Leapp.app/Contents/MacOS/leapp"
  uninstall quit: "org.leapp.desktop"
end
