import type { PlacedCommand } from './completion.ts'

export const zshCompletion = (commands: readonly PlacedCommand[]): string => `\
#compdef portcullis
# zsh completion of portcullis; made by: portcullis completion zsh
_portcullis() {
  local place= at
  local -a commands options
  for ((at = 2; at < CURRENT; at++)); do
    case $place/\${words[at]} in
      (${commands
        .filter(({ place }) => place !== '')
        .map(({ place }) => place)
        .join('|')}) place=$place/\${words[at]} ;;
    esac
  done
  case "$place \${words[CURRENT-1]}" in
${commands.flatMap(valueCases).join('')}\
  esac
  case $place in
${commands.map(wordCase).join('')}\
  esac
  (( $#commands )) && _describe -t commands command commands
  _describe -o option options
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then
  _portcullis "$@"
else
  compdef _portcullis portcullis
fi
`

const valueCases = ({ place, options }: PlacedCommand): string[] =>
  options.flatMap(({ names, takes }) => {
    if (takes === undefined) return []
    const patterns = names.map((name) => `'${place} ${name}'`).join('|')
    const values = takes.file ? '_files' : valuesOf(takes.choices)
    return [`    (${patterns}) ${values}; return ;;\n`]
  })

const valuesOf = (choices: readonly string[]): string =>
  choices.length === 0 ? '_message value' : `compadd -- ${choices.map(quoted).join(' ')}`

const wordCase = ({ place, options, commands, choices, takesFile }: PlacedCommand): string => {
  const lines = [
    `commands=(${commands.map(({ name, description }) => described(name, description)).join(' ')})`,
    `options=(${options.map(({ names, description }) => described(names[0] ?? '', description)).join(' ')})`,
    ...(choices.length > 0 ? [valuesOf(choices)] : []),
    ...(takesFile ? ['_files'] : []),
  ]
  return `    (${place === '' ? "''" : place})\n${lines.map((line) => `      ${line}\n`).join('')}      ;;\n`
}

const described = (name: string, description: string): string =>
  quoted(`${name.replaceAll(':', '\\:')}:${description}`)

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
