import type { ProviderPreset } from '@latchkey/core'
import { type Finding, ok, problem, warning } from './finding.ts'
import { causeOf } from './network-error.ts'
import { type BaseUrls, redirectUris } from './redirect-uris.ts'

const longestLookMs = 5_000
/** As a browser asks for a page that somebody looks at. */
const headers = {
  accept: 'text/html',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'none',
  'sec-fetch-dest': 'document',
}

/** Which redirect URI a running app sends people to a provider with. */
export async function checkApp(
  app: string,
  preset: ProviderPreset,
  baseUrls: BaseUrls | undefined,
): Promise<readonly Finding[]> {
  const { id, name } = preset
  const about = `${name} at ${app}`
  const url = URL.parse(`${app.replace(/\/$/, '')}/login/${id}`)
  if (url === null)
    return [
      problem(about, 'is no address. Write --app http://127.0.0.1:3000, with its path if the app has one.'),
    ]
  try {
    const signal = AbortSignal.timeout(longestLookMs)
    const reply = await fetch(url, { redirect: 'manual', headers, signal })
    if (reply.status === 404)
      return [problem(about, `has no /login/${id}: add ${id}() to its providers, or say where with --app.`)]
    const location = URL.parse(reply.headers.get('location') ?? '', url.href)
    const sent = location?.searchParams.get('redirect_uri')
    if (!sent)
      return [
        problem(
          about,
          `/login/${id} answers ${reply.status} and leads to no provider. Look into the app's log.`,
        ),
      ]
    const expected = baseUrls === undefined ? [sent] : redirectUris(preset, baseUrls)
    if (expected.includes(sent)) return [ok(about, `it uses the redirect URI ${sent}`)]
    return [
      warning(about, `it uses ${sent}, and not ${expected.join(' or ')}: its baseUrl or routes are others.`),
    ]
  } catch (error) {
    return [problem(about, `cannot be reached (${causeOf(error)}). Is it running?`)]
  }
}
