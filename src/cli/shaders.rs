//! `sdnet shaders`

use std::path::PathBuf;

use clap::Args;

use super::translate::{Target, translate};
use crate::error::{Error, Result};
use crate::files::{create_dir, write_bytes};
use crate::shaders;

#[derive(Debug, Args)]
pub struct ShadersArgs {
    /// Folder to write to, one file per kernel; without it, WGSL is printed, and of other languages only the size of each
    /// translation
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Shading language
    #[arg(long, value_enum, default_value_t = Target::Wgsl)]
    target: Target,
}

pub fn run(options: &ShadersArgs) -> Result<()> {
    if let Some(folder) = &options.out {
        create_dir(folder)?;
    }
    for kernel in shaders::all() {
        let text = translate(kernel, options.target).map_err(|reason| Error::file(kernel.name(), reason))?;
        match &options.out {
            Some(folder) => {
                let path = folder.join(format!("{}.{}", kernel.name(), options.target.extension()));
                write_bytes(&path, &text)?;
            }
            None if options.target == Target::Wgsl => say!("// ---- {} ----\n{}", kernel.name(), kernel.wgsl())?,
            None => say!("{}: {} bytes of {:?}", kernel.name(), text.len(), options.target)?,
        }
    }
    Ok(())
}
