import { isLoopbackLiteral } from '../protocol/endpoint-url.ts'
import { type BaseUrl, parseBaseUrl } from '../session/base-url.ts'
import { invalidOption } from './invalid-option.ts'

const fix = 'Set the option baseUrl, or LATCHKEY_BASE_URL, to the address that browsers use'

/**
 * The public addresses of the app, checked: https, or outside production http on a loopback literal. All of them are
 * the one or the other, because cookie names and attributes follow from it.
 */
export function baseUrls(
  configured: readonly string[],
  isProduction: boolean,
): readonly [BaseUrl, ...BaseUrl[]] {
  const [first, ...more] = configured.map((value) => checkedBaseUrl(value, isProduction))
  if (first === undefined) {
    throw invalidOption(`${fix}: https://app.example, or http://127.0.0.1:3000 on your own machine.`)
  }
  if (more.some((other) => schemeOf(other) !== schemeOf(first))) {
    throw invalidOption('The option baseUrl mixes http and https. Make all its addresses https.')
  }
  return [first, ...more]
}

function checkedBaseUrl(value: string, isProduction: boolean): BaseUrl {
  const baseUrl = parseBaseUrl(value)
  const url = new URL(value)
  if (url.protocol === 'https:') return baseUrl
  if (isProduction) {
    throw invalidOption(
      `The option baseUrl is plain http (${url.origin}), which production does not allow. Use https.`,
    )
  }
  if (isLoopbackLiteral(url.hostname)) return baseUrl
  const port = url.port === '' ? '' : `:${url.port}`
  const instead =
    url.hostname === 'localhost'
      ? `http://127.0.0.1${port}, which means the same machine`
      : `https://${url.host}`
  throw invalidOption(
    `The option baseUrl is plain http (${url.origin}), which only 127.0.0.1 and [::1] allow. Use ${instead}.`,
  )
}

/** `https:` or `http:`. */
export function schemeOf({ origin }: BaseUrl): string {
  return new URL(origin).protocol
}
