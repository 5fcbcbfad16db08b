import type { PlacedCommand } from './completion.ts'

/** For bash 3.2 (that of macOS) and newer. */
export const bashCompletion = (commands: readonly PlacedCommand[]): string => `\
# bash completion of portcullis; made by: portcullis completion bash
_portcullis() {
  local IFS=$'\\n' cur=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} place= at words= files=
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case $place/\${COMP_WORDS[at]} in
      ${commands
        .filter(({ place }) => place !== '')
        .map(({ place }) => place)
        .join('|')}) place=$place/\${COMP_WORDS[at]} ;;
    esac
  done
  case "$place $previous" in
${commands.flatMap(valueCases).join('')}\
    *)
      case $place in
${commands.map(wordCase).join('')}\
      esac
      ;;
  esac
  [[ -n $words ]] && COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- "$cur"))
  fi
}
complete -F _portcullis portcullis
`

const valueCases = ({ place, options }: PlacedCommand): string[] =>
  options.flatMap(({ names, takes }) => {
    if (takes === undefined) return []
    const patterns = names.map((name) => `'${place} ${name}'`).join('|')
    const set = takes.file ? 'files=1' : `words=${quoted(takes.choices)}`
    return [`    ${patterns}) ${set} ;;\n`]
  })

const wordCase = ({ place, options, commands, choices, takesFile }: PlacedCommand): string => {
  const names = options.flatMap((option) => option.names.slice(0, 1))
  const words = [...commands.map(({ name }) => name), ...choices, ...names]
  return `        '${place}') words=${quoted(words)}${takesFile ? ' files=1' : ''} ;;\n`
}

const quoted = (words: readonly string[]): string => `$'${words.join('\\n')}'`
