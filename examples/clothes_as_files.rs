//! Writes a part of the bundled Fashion-MNIST as pictures, a folder for each class, to try what takes folders of pictures:
//! eight classes in `clothes`, and two other ones in `more`.
//!
//! `cargo run --release --example clothes_as_files -- FOLDER [IMAGES A CLASS]`

use std::fs::create_dir_all;
use std::path::Path;

use image::GrayImage;
use sdnet::data::{Split, bundled};

/// The classes of `more`.
const MORE: [&str; 2] = ["Sandal", "Bag"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name a folder to write into")?;
    let most = arguments.next().map_or(Ok(250), |count| count.parse())?;
    let data = bundled(Split::Train)?;
    let mut written = vec![0; data.classes];
    for (i, &label) in data.labels.iter().enumerate() {
        let class = usize::from(label);
        if written[class] < most {
            let name = &data.class_names[class];
            let part = if MORE.contains(&&**name) { "more" } else { "clothes" };
            // T-shirt/top would be a folder in a folder.
            let inside = Path::new(&folder).join(part).join(name.replace('/', " or "));
            create_dir_all(&inside)?;
            let pixels = data.image(i)?.into_owned();
            let picture = GrayImage::from_raw(data.width as u32, data.height as u32, pixels).ok_or("no picture")?;
            picture.save(inside.join(format!("{:04}.png", written[class])))?;
            written[class] += 1;
        }
    }
    println!("{} pictures in {folder}", written.iter().sum::<usize>());
    Ok(())
}
