//! `sdnet shaders`

use super::args::ShadersArgs;
use super::translate::{Target, translate};
use crate::error::{Error, Result};
use crate::files::{create_dir, write_bytes};
use crate::shaders;

pub fn run(options: &ShadersArgs) -> Result<()> {
    if let Some(folder) = &options.out {
        create_dir(folder)?;
    }
    for kernel in shaders::all() {
        let text = translate(kernel, options.target).map_err(|reason| Error::file(kernel.name, reason))?;
        match &options.out {
            Some(folder) => {
                let path = folder.join(format!("{}.{}", kernel.name, options.target.extension()));
                write_bytes(&path, &text)?;
            }
            None if options.target == Target::Wgsl => say!("// ---- {} ----\n{}", kernel.name, kernel.source)?,
            None => say!("{}: {} bytes of {:?}", kernel.name, text.len(), options.target)?,
        }
    }
    Ok(())
}
