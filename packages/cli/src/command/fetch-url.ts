import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { printable } from '@latchkey/core/terminal'
import { type Report, requireAccount } from './account-commands.ts'
import type { Arguments } from './arguments.ts'
import { UnreachableError, UsageError } from './failure.ts'
import { causeOf } from './network-error.ts'

/** `latchkey fetch`. The body goes to stdout as it is. */
export async function fetchUrl(args: Arguments): Promise<Report | undefined> {
  const url = targetOf(args)
  const headers = headersOf(args.list('header'))
  const account = await requireAccount(args)
  const data = args.text('data')
  const body = data === undefined ? undefined : await dataOf(data)
  const method = args.text('method') ?? (body === undefined ? 'GET' : 'POST')
  const reply = await answered(url, () =>
    account.fetch(url, { method, headers, ...(body !== undefined && { body }) }),
  )
  const exitCode = reply.status < 400 ? 0 : 1
  if (args.isJson) return { json: await answered(url, () => described(reply)), text: '', exitCode }
  // Before anything is written: a reader that has seen enough ends the program.
  process.exitCode = exitCode
  if (!reply.ok) process.stderr.write(`${reply.status} ${printable(reply.statusText)}\n`)
  const { body: content } = reply
  if (content !== null) await answered(url, () => pipeline(content, process.stdout, { end: false }))
  // The shell's next prompt begins on a line of its own.
  if (process.stdout.isTTY) process.stdout.write('\n')
  return undefined
}

function targetOf({ operands: [, text] }: Arguments): URL {
  if (text === undefined) throw new UsageError('latchkey fetch <provider> <url>', 'fetch')
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError('The address must be absolute, such as https://api.spotify.com/v1/me.', 'fetch')
  if (url.username !== '' || url.password !== '')
    throw new UsageError(
      'The address must hold no user name and no password: the token says who asks.',
      'fetch',
    )
  return url
}

function headersOf(given: readonly string[]): Headers {
  const headers = new Headers()
  for (const header of given) {
    const [, name = '', value = ''] = /^([^:]+):(.*)$/s.exec(header) ?? []
    try {
      headers.append(name, value.trim())
    } catch {
      throw new UsageError('--header wants <name>: <value>, both as HTTP allows them.', 'fetch')
    }
  }
  return headers
}

/** What comes of a call of fetch, or of reading its answer, with its errors as the command says them. */
async function answered<Result>({ origin }: URL, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    // fetch names a cause for what the network did; the rest is what it was given.
    if (error.cause === undefined) throw new UsageError(error.message, 'fetch')
    const what =
      error.message === 'terminated' ? `The answer of ${origin} broke off` : `${origin} cannot be reached`
    throw new UnreachableError(`${what} (${causeOf(error)}).`)
  }
}

/** The whole answer, for programs. */
async function described(reply: Response): Promise<Readonly<Record<string, unknown>>> {
  const bytes = Buffer.from(await reply.arrayBuffer())
  const { status, headers } = reply
  const cookies = headers.getSetCookie()
  return {
    status,
    headers: { ...Object.fromEntries(headers), ...(cookies.length > 0 && { 'set-cookie': cookies }) },
    ...(isUtf8(bytes) ? { body: bytes.toString() } : { bodyBase64: bytes.toString('base64') }),
  }
}

async function dataOf(data: string): Promise<string | Uint8Array<ArrayBuffer>> {
  if (data === '@-') return new Uint8Array(await buffer(process.stdin))
  if (!data.startsWith('@')) return data
  const path = data.slice(1)
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--data: ${path} cannot be read (${error.code}).`, 'fetch')
  })
  return new Uint8Array(bytes)
}
