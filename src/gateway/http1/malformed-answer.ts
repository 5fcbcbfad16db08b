/** An upstream's answer is not well-formed HTTP/1.x; `message` says where. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer'
}
