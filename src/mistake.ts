/** Something that whoever starts the program can mend: printed as one line that says how, without a stack. */
export class Mistake extends Error {
  override readonly name = 'Mistake'
}
