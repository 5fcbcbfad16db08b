/** What the admin listener answers. */
export type Answer = {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export const json = (status: number, value: unknown, headers?: Answer['headers']): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
  ...(headers && { headers }),
})

/** In the form that errors have everywhere. */
export const problem = (
  status: number,
  error: string,
  error_description: string,
  headers?: Answer['headers'],
): Answer => json(status, { error, error_description }, headers)
