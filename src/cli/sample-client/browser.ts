import { spawn } from 'node:child_process'

/** Opens a page in the person's browser. No shell, and nothing but http(s). Rejects where there is no browser. */
export const openBrowser = (url: string): Promise<void> =>
  new Promise((resolve, reject) => {
    if (!/^https?:\/\//.test(url)) return reject(new Error('not a web address'))
    const command = process.platform === 'darwin' ? 'open' : 'xdg-open'
    const child = spawn(command, [url], { stdio: 'ignore', detached: true })
    child.once('error', () => reject(new Error(`${command} is not installed`)))
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} found none`)),
    )
    child.unref()
  })
