import type { ProviderPreset } from '../protocol/provider.ts'
import { defineProvider, type PresetData, type ProviderOptions } from './define-provider.ts'
import { checkPresetOptions } from './preset-options.ts'

/**
 * Makes the provider of one server for a client of the app's.
 *
 * @throws {LatchkeyError} `invalid_options` that names the field and the fix.
 */
export type Preset<DefaultId extends string, KnownScope extends string = never> = <
  const Id extends string = DefaultId,
>(
  options?: ProviderOptions<Id, KnownScope>,
) => ProviderPreset<Id>

/** The preset of a server that needs no options of its own. @param id that of the provider, and the function's name */
export function preset<DefaultId extends string, KnownScope extends string = never>(
  id: DefaultId,
  data: PresetData,
): Preset<DefaultId, KnownScope> {
  const make: Preset<DefaultId, KnownScope> = (options = {}) => {
    checkPresetOptions(id, options, {})
    return defineProvider(options.id ?? (id as never), data, options) // without an id, Id is its default
  }
  // Who passes the function instead of calling it is told its name.
  return Object.defineProperty(make, 'name', { value: id })
}
