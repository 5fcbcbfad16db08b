import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Wrong } from './problem.ts'

/** PEM as it is, or the text of a file named from `folder`. Throws `Wrong`; never quotes what was read. */
export const readPem = (given: string, folder: string): string => {
  const text = isPem(given) ? given : readFileText(resolve(folder, given))
  if (!isPem(text)) throw new Wrong('is not PEM: -----BEGIN … is missing')
  return text
}

export const isPem = (text: string): boolean => text.includes('-----BEGIN ')

/** One or more certificates; gives the first. */
export const readCertificate = (given: string, folder: string): X509Certificate => {
  const found = readPem(given, folder).match(CERTIFICATE) ?? []
  const [first] = found.map((pem) =>
    parse(() => new X509Certificate(pem), 'has a certificate in it that cannot be read'),
  )
  if (first === undefined) throw new Wrong('has no certificate in it')
  return first
}

/** A private key without a passphrase, of that certificate. */
export const checkKey = (given: string, folder: string, certificate: X509Certificate): void => {
  const pem = readPem(given, folder)
  const key = parse(
    () => createPrivateKey(pem),
    'is not a private key that can be read (one with a passphrase is not)',
  )
  if (!certificate.checkPrivateKey(key)) throw new Wrong('is not the key of the certificate')
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

const parse = <T>(read: () => T, otherwise: string): T => {
  try {
    return read()
  } catch {
    throw new Wrong(otherwise)
  }
}

const readFileText = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new Wrong(
      code === 'ENOENT'
        ? `needs the file ${file}, which is not there`
        : `needs the file ${file}, which cannot be read (${code})`,
    )
  }
}
