/** `message (CODE) < message of the cause …`, at most four deep. */
export const describeError = (error: unknown, depth = 0): string => {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  const cause = error.cause && depth < 3 ? ` < ${describeError(error.cause, depth + 1)}` : ''
  return `${error.message}${code}${cause}`
}
