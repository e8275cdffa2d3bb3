class Leapp < Formula
  desc "AWS credentials for every tool on your machine, on the fly, never in a file"
  homepage "https://github.com/REPOSITORY"
  version "VERSION"
  license "Apache-2.0"

  base = "https://github.com/REPOSITORY/releases/download/vVERSION/leapp-vVERSION"
  on_macos do
    on_arm do
      url "#{base}-darwin-arm64.tar.gz"
      sha256 "SUM_MAC_ARM"
    end
    on_intel do
      url "#{base}-darwin-x64.tar.gz"
      sha256 "SUM_MAC_INTEL"
    end
  end
  on_linux do
    on_arm do
      url "#{base}-linux-arm64.tar.gz"
      sha256 "SUM_LINUX_ARM"
    end
    on_intel do
      url "#{base}-linux-x64.tar.gz"
      sha256 "SUM_LINUX_INTEL"
    end
  end

  def install
    # The launcher looks for leapp-core beside itself, symbolic links resolved.
    libexec.install "leapp", "leapp-core"
    bin.install_symlink libexec/"leapp"
    generate_completions_from_executable(bin/"leapp", "completion", shells: [:bash, :zsh, :fish])
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/leapp version")
  end
end
