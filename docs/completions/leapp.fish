# leapp completion for fish: leapp completion fish > ~/.config/fish/completions/leapp.fish
function __leapp_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (leapp __complete -- $words[2..-1] 2>/dev/null)
    if test "$found[1]" = ":file"
        __fish_complete_path (commandline -ct)
    else
        string join \n -- $found
    end
end
complete -c leapp -f -a "(__leapp_complete)"
