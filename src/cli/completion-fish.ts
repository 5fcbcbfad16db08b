import type { PlacedCommand } from './completion.ts'

export const fishCompletion = (commands: readonly PlacedCommand[]): string => `\
# fish completion of portcullis; made by: portcullis completion fish
function __portcullis_place
  set -l place ''
  for word in (commandline -opc)[2..]
    switch "$place/$word"
      case ${commands
        .filter(({ place }) => place !== '')
        .map(({ place }) => place)
        .join(' ')}
        set place "$place/$word"
    end
  end
  echo $place
end
function __portcullis_at
  test (__portcullis_place) = "$argv[1]"
end
complete -c portcullis -f
${commands.flatMap(linesOf).join('\n')}
`

const linesOf = (command: PlacedCommand): string[] => {
  const at = `complete -c portcullis -n "__portcullis_at '${command.place}'"`
  return [
    ...command.commands.map(
      ({ name, description }) => `${at} -a ${name} -d ${quoted(description)}`,
    ),
    ...command.choices.map((choice) => `${at} -a ${quoted(choice)}`),
    ...(command.takesFile ? [`${at} -F`] : []),
    ...command.options.map(({ names, description, takes }) => {
      const words = names.map((name) =>
        name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
      )
      return `${at} ${words.join(' ')}${valueWords(takes)} -d ${quoted(description)}`
    }),
  ]
}

const valueWords = (takes: PlacedCommand['options'][number]['takes']): string => {
  if (takes === undefined) return ''
  if (takes.file) return ' -r -F'
  return takes.choices.length > 0 ? ` -x -a ${quoted(takes.choices.join(' '))}` : ' -x'
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
