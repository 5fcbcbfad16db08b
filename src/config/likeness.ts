/**
 * What a name looks like to somebody who reads it fleetingly: without case, marks, spaces and signs, and with letters of
 * other scripts taken for the Latin ones that they resemble. Two names of one likeness can pass for each other; '' where
 * nothing is left to tell.
 */
export const likenessOf = (name: string): string =>
  [...name.normalize('NFKD').toLowerCase()]
    .map((letter) => TWINS.get(letter) ?? letter)
    .join('')
    .replace(/[^\p{L}\p{N}]/gu, '')

/** Cyrillic, Greek and Armenian letters that are drawn as Latin ones, and digits that pass for letters. */
const TWINS: ReadonlyMap<string, string> = new Map(
  (
    'аa вb сc ԁd еe ёe һh нh іi їi јj кk ӏl мm оo рp ԛq ѕs тt цu уy ԝw хx ' +
    'αa βb γy εe ηn ιi κk λl μu νv οo ρp σo τt υu χx ωw ζz ' +
    'օo սu ոn յj հh քp ցg ı' +
    'i 0o 1l |l'
  )
    .split(' ')
    .map((pair): [string, string] => {
      const [foreign = '', latin = ''] = [...pair]
      return [foreign, latin]
    }),
)
