import { kindOf } from '../input/kind-of.ts'
import { invalidPresetOption } from './preset-options.ts'

/** A host name in an option, where a preset builds URLs of it. @throws {LatchkeyError} `invalid_options` */
export function hostOf(preset: string, option: string, value: unknown, example: string): string {
  if (typeof value === 'string' && /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$/i.test(value))
    return value.toLowerCase()
  throw invalidPresetOption(preset, option, `must be a host name like '${example}', not ${shown(value)}.`)
}

/** One part of a path in an option. @throws {LatchkeyError} `invalid_options` */
export function pathPartOf(preset: string, option: string, value: unknown, example: string): string {
  if (typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(value)) return value
  throw invalidPresetOption(preset, option, `must be a name like '${example}', not ${shown(value)}.`)
}

/** An https URL in an option, without the slash at its end. @throws {LatchkeyError} `invalid_options` */
export function httpsUrlOf(preset: string, option: string, value: unknown, example: string): string {
  const url = typeof value === 'string' ? URL.parse(value) : null
  const isPlain =
    url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === ''
  const isLoopback = url?.protocol === 'http:' && ['127.0.0.1', '[::1]'].includes(url.hostname)
  if (url !== null && isPlain && (url.protocol === 'https:' || isLoopback)) return url.href.replace(/\/$/, '')
  throw invalidPresetOption(preset, option, `must be an https URL like '${example}', not ${shown(value)}.`)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : kindOf(value)
}
