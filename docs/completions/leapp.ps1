# leapp completion for PowerShell: add to $PROFILE   leapp completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName leapp -ScriptBlock {
    param($typed, $line, $cursor)
    $words = @($line.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
    if ($typed -eq '') { $words += '' }
    leapp __complete '--' @words 2>$null | Where-Object { $_ -ne ':file' } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
