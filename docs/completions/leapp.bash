# leapp completion for bash: add to ~/.bashrc   eval "$(leapp completion bash)"
_leapp() {
  local IFS=$'\n'
  COMPREPLY=($(leapp __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  if [ "${COMPREPLY[0]-}" = ":file" ]; then
    COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
    compopt -o filenames 2>/dev/null
  elif [ "${#COMPREPLY[@]}" -gt 0 ]; then
    COMPREPLY=($(printf '%q\n' "${COMPREPLY[@]}"))
  fi
}
complete -F _leapp leapp
